// SPDX-License-Identifier: MIT
// From events to the smallest grant that allows what they tell of.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "gate/events.h"
#include "manifest/decide.h"

namespace bpfgate::learn {

// The call an event is about, in numbers. A word without a name in this version is ErrorKind::Invalid: no grant can
// list it. Only helpers and kfuncs may be without one, which is what the word "any" is for.
Result<manifest::Call> call_of(const gate::Event& event);

// Whether the gate had looked at the program's instructions. In enforce mode it refuses before that.
bool tells_of_code(const gate::Event& event);

// What a file was seen to call. Adding a call twice, or in another order, makes no difference.
class Calls {
 public:
  void add(const manifest::Call& call, const gate::Event& event);
  [[nodiscard]] bool is_empty() const { return grant_.commands == 0; }

  // Exactly the commands and types that were seen. A set of types is restricted wherever a command that it counts for
  // is granted, even if that leaves an empty list, which allows none. So with helpers and kernel functions; beside them
  // the class "read-only" where a program was not looked at, and any where no list would allow what was seen.
  [[nodiscard]] manifest::Grant grant(const std::string& name) const;

  // Why the class "read-only" does not do; empty where it does.
  [[nodiscard]] const std::set<std::string>& not_read_only() const { return not_read_only_; }
  // What no rule allows: functions of modules, and helpers without a name here.
  [[nodiscard]] bool needs_any() const { return needs_any_; }
  // Of a program that was loaded it is not known what it calls.
  [[nodiscard]] bool has_unseen_code() const { return has_unseen_code_; }

 private:
  void add_code(const manifest::Call& call, const gate::Event& event);

  manifest::Grant grant_{.name = {}, .program_types = 0, .map_types = 0, .attach_types = 0};
  manifest::HelperSet helpers_;
  std::set<std::string> kfuncs_;
  std::set<std::string> not_read_only_;
  bool needs_any_ = false;
  bool has_unseen_code_ = false;
};

}  // namespace bpfgate::learn
