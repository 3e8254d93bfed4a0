#include "xmpp/sasl/secret.h"

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>

namespace xmpp {
namespace {

template <class A, class B>
concept Comparable = requires(const A& a, const B& b) { a == b; };

// Hardening P15
static_assert(!Comparable<Secret, Secret>);
static_assert(!Comparable<Secret, std::string>);
static_assert(!Comparable<Secret, std::string_view>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);

TEST(Secret, IsTheSameOnlyAsAllOfItsBytes) {
  const Secret secret(std::string("pencil\0x", 8));
  EXPECT_TRUE(secret.same_as(std::string_view("pencil\0x", 8)));
  EXPECT_FALSE(secret.same_as(std::string_view("pencil\0y", 8)));
  EXPECT_FALSE(secret.same_as("pencil"));
  EXPECT_FALSE(secret.same_as(""));
  EXPECT_TRUE(Secret().same_as(""));
}

TEST(Secret, PrintsNothingOfItself) {
  std::ostringstream out;
  out << Secret(std::string("pencil")) << Secret();
  EXPECT_EQ(out.str(), "******");
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  for (const std::string& bytes : {std::string("short"), std::string(100, 'x')}) {
    Secret from(bytes);
    Secret to(std::move(from));
    EXPECT_TRUE(to.same_as(bytes));
    EXPECT_TRUE(from.is_empty());  // NOLINT(bugprone-use-after-move): that is what is tested.

    Secret assigned(std::string("before"));
    assigned = std::move(to);
    EXPECT_TRUE(assigned.same_as(bytes));
    EXPECT_TRUE(to.is_empty());  // NOLINT(bugprone-use-after-move)
    // A short value lives within the object itself; its bytes are gone from there too.
    const std::string_view object(reinterpret_cast<const char*>(&to), sizeof to);
    EXPECT_EQ(object.find("short"), std::string_view::npos);
  }
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret(std::string("pencil"));
  Secret& same = secret;
  secret = same;
  EXPECT_TRUE(secret.same_as("pencil"));
  secret = std::move(same);
  EXPECT_TRUE(secret.same_as("pencil"));
  const Secret copy = secret;
  secret = Secret();
  EXPECT_TRUE(copy.same_as("pencil"));
}

}  // namespace
}  // namespace xmpp
