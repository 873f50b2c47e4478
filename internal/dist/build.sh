#!/bin/sh
# Builds what is given to users into the folder $1: for each architecture the
# static program, a .deb, an .rpm and the bill of materials, and a file with the
# digests of all of them.
#
# The same source gives the same files, bit by bit: times come from the last
# commit (or SOURCE_DATE_EPOCH), paths are removed by -trimpath, and packages
# name no build host.
set -eu
umask 022
out=$1
top=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$top"
GO=${GO:-go}
VERSION=$(sed -n 's/^var version = "\(.*\)"$/\1/p' cmd/probe/version.go)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export SOURCE_DATE_EPOCH VERSION
# The flags of the caller's environment must not change what is built.
unset GOFLAGS
rm -rf "$out"
mkdir -p "$out"

for arch in amd64 arm64; do
	name=probe-$VERSION-linux-$arch
	stage=$out/stage-$arch
	echo "$arch: program"
	GOOS=linux GOARCH=$arch CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$out/$name" ./cmd/probe
	echo "$arch: bill of materials and notices"
	"$GO" run ./internal/supply -sbom "$out/$name" > "$out/$name.cdx.json"
	echo "$arch: packages"
	make --no-print-directory -s install PROBE="$out/$name" DESTDIR="$stage" PREFIX=/usr
	doc=$stage/usr/share/doc/probe
	mkdir -p "$doc/examples"
	cp LICENSE "$doc/copyright"
	"$GO" run ./internal/supply -notices "$out/$name" > "$doc/NOTICES"
	cp "$out/$name.cdx.json" "$doc/probe.cdx.json"
	cp docs/systemd/probe@.service "$doc/examples/"
	cp scripts/*.pr "$doc/examples/"
	cp README.md CHANGELOG.md "$doc/"
	gzip -9n "$stage"/usr/share/man/man1/*.1 "$doc/CHANGELOG.md" "$doc/NOTICES"
	export ARCH=$arch STAGE=$stage
	for format in deb rpm; do
		(cd internal/dist && "$GO" tool nfpm package --config nfpm.yaml --packager $format --target "$out/") > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
	done
	rm -rf "$stage" "$out/log"
done
cd "$out"
sha256sum * > SHA256SUMS
ls -l | awk 'NR > 1 { printf "%9d  %s\n", $5, $NF }'
