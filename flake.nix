{
  description = "Meerkat: a clustered XMPP server";

  # Needed by `nix develop` alone. Locked, so it is fetched only when that is asked for: `nix run`
  # works with no network.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.11";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make:
        builtins.listToAttrs (map (system: { name = system; value = make system; }) systems);

      # ./meerkat of the checkout that the person stands in, else of the flake's own source: that one
      # is in the store, where nothing can be built, so it is copied to the cache first.
      # The context is dropped because Nix 2.8 asserts that an app's program is no part of a source;
      # the file is there all the same, for the flake was read from it.
      app = command: {
        type = "app";
        program = builtins.unsafeDiscardStringContext "${self}/tools/nix/${command}";
      };
    in
    {
      apps = each (system: {
        default = app "cluster";
        cluster = app "cluster";
        load = app "load";
        bench = app "bench";
        test = app "test";
      });

      devShells = each (system:
        let pkgs = nixpkgs.legacyPackages.${system}; in
        {
          default = pkgs.mkShell {
            packages = with pkgs; [
              bazel_7
              gcc12
              clang-tools_16
              mariadb
              openssl
              shellcheck
              (python3.withPackages (python: [ python.slixmpp ]))
            ];
          };
        });
    };
}
