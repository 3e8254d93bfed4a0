"""Pinned Debian packages: version and SHA-256 of each archive (bookworm, amd64).

A fix that replaces a package removes the old version from the archive; see debian.bzl for what
happens then. Renew with tools/relock.sh."""

PACKAGES = {
    "libbenchmark-dev": struct(version = "1.7.1-1", sha256 = "82c9048e75f3d83b3b8a349144d5ca55487eb370b34167ffe12f8060300ed462"),
    "libbenchmark1debian": struct(version = "1.7.1-1", sha256 = "59f0902a880853ef0fc658ecee85da35dd2ab03485a7cf305cad233e8b607621"),
    "libboost-json1.81-dev": struct(version = "1.81.0-5+deb12u1", sha256 = "58835c24d3ff63bd4a16209f1dc127066efe496f3d04a37d66f736ae50712f85"),
    "libboost-url1.81-dev": struct(version = "1.81.0-5+deb12u1", sha256 = "854e4707ddb81863c1b40ace425bf1cd40ac30a7c82260b1299662d1a72103ff"),
    "libboost1.81-dev": struct(version = "1.81.0-5+deb12u1", sha256 = "bfe6d942c9fa4d68c8455e712a16fe3911f85d92959a0753cb22e5c13c2067de"),
    "libcli11-dev": struct(version = "2.1.2+ds-1", sha256 = "f1f6ee9ec053e0e0bcec47345e241b6a8ee006321248b4329e9ce88d2b4b64a8"),
    "libexpat1-dev": struct(version = "2.5.0-1+deb12u5", sha256 = "745288d31c0819f391312c953508c234a81e5bbde1d4609be397c308a489112c"),
    "libfmt-dev": struct(version = "9.1.0+ds1-2", sha256 = "c8fa00dd0269e6eda9fd06668df3d720de4b5a1f647dcd3c6e0ba63f0cbf2150"),
    "libgmock-dev": struct(version = "1.12.1-0.2", sha256 = "ffe5958a13f30657cb5e5af4e24bfa6ab6b633391f1a945607799192b52b4530"),
    "libgtest-dev": struct(version = "1.12.1-0.2", sha256 = "1dbf34692561ea744d827af133c2266640a2f2cda30abfaa610eed1a7e8609d9"),
    "libidn-dev": struct(version = "1.41-1", sha256 = "57277eddda4e1c0b89c7730aace9bf821199a369fe6ac55f54a710579a31d333"),
    "libmariadb-dev": struct(version = "1:10.11.19-0+deb12u1", sha256 = "c8009f73b46d181aeb89b39476fc86634626979b1925c240a1faf428fb9a108c"),
    "libmysqlcppconn-dev": struct(version = "1.1.12-4", sha256 = "f720fbde7c3a8d3f7fe525281c8ba2d9c7afbe31eef15e53e0e26e81e306c085"),
    "libprometheus-cpp-core1.0": struct(version = "1.0.1-1", sha256 = "f0b98f9a4f3772363d164dad42bc80b09001956b6bb20a231990cc7c0790568a"),
    "libspdlog-dev": struct(version = "1:1.10.0+ds-0.4", sha256 = "4e19d647fe9bc9ec6a1fae81be00a69b1796b41660e8a7a4cf567264b463dcfb"),
    "libsqlite3-dev": struct(version = "3.40.1-2+deb12u2", sha256 = "afb550eb103e717000a2c7adae2e06e3eebd2952bf7d243ae2f1ca8594307563"),
    "libssl-dev": struct(version = "3.0.22-1~deb12u2", sha256 = "c5f948bf6cd6e8e6e8539364bed3280ff67bc2e058de484a1f6cce8d5afcc90e"),
    "libssl3": struct(version = "3.0.22-1~deb12u2", sha256 = "cb4784740daa9b3b0eaea2b444bbefa686794afbbf3d678d238c1fd9875f2efd"),
    "libstrophe-dev": struct(version = "0.12.2-1", sha256 = "4245792302df12f2b638892cdd1ead1351e7414ad3f4edf258fbc3871d513d5d"),
    "libtinyxml2-9": struct(version = "9.0.0+dfsg-3.1", sha256 = "be0847074c825f8fc7ae3c72b66969c45e196893d1823af1ee8064e8ef9ef816"),
    "libtinyxml2-dev": struct(version = "9.0.0+dfsg-3.1", sha256 = "e8d283a364ba2fceef1799b6b447d4471b0c138d4df04eb9f4eb438e028fba55"),
    "libtomlplusplus-dev": struct(version = "3.3.0+ds-1", sha256 = "2779cce0001466dcf60eb6262ff68a888d49f9e30aee80c499d1d4f6f9f6e12e"),
    "prometheus-cpp-dev": struct(version = "1.0.1-1", sha256 = "87532ce525b729fee037dc337f5acad3c3fb254fa5616cecee90074321c519c7"),
    "zlib1g-dev": struct(version = "1:1.2.13.dfsg-1", sha256 = "f9ce531f60cbd5df37996af9370e0171be96902a17ec2bdbd8d62038c354094f"),
    "libzstd-dev": struct(version = "1.5.4+dfsg2-5", sha256 = "5d079cf5f96b724c97a611630ea428a1ebe793746db7bbf6e1455803b962b4ea"),
}
