// SPDX-License-Identifier: MIT
// Makes one call of bpf(2) as manifest::Call describes it, far enough for the gate to see all of it.
#pragma once

#include <bpf/btf.h>

#include "manifest/decide.h"

namespace bpfgate::vm {

// 0, or the errno. The kernel's own objections are others than EPERM, which is the gate's: the process has all
// capabilities. In another user namespace it has none that count, and EPERM may be either's.
int perform(const manifest::Call& call, const btf* types);

// Takes the identity of the caller, and keeps its capabilities. False where that cannot be done.
bool become(const manifest::Caller& caller);

}  // namespace bpfgate::vm
