// SPDX-License-Identifier: MIT
// parse() from a tree on: for one that was put together from several files.
#pragma once

#include "manifest/manifest.h"
#include "manifest/place.h"

namespace bpfgate::manifest {

Result<Manifest> parse_tree(const Place& root, const CertificateReader& read_certificate);

}  // namespace bpfgate::manifest
