// SPDX-License-Identifier: MIT
#include "learn/draft.h"

#include <algorithm>
#include <map>
#include <set>

#include "learn/calls.h"
#include "learn/names.h"

namespace bpfgate::learn {
namespace {

using gate::Event;

// Files of one content: one digest, so one entry, which has the last word on all of them. Hence all that any of them
// has already.
struct Seen {
  std::string path;
  std::optional<fsverity::Digest> digest;
  std::set<std::string> grants;
  Calls calls;
};

const char* remedy_for(FileState state) {
  switch (state) {
    case FileState::NotSealed:
      return "sign and seal it (bpfgate sign, bpfgate seal), or seal it alone, and learn again from the same events";
    case FileState::Gone:
      return "if it is still wanted, put it where it was, sign and seal it, and learn again from the same events";
    case FileState::Interpreter:
      return "a grant for it would be one for every script; let a program of its own do what is needed, and sign that";
    case FileState::Library:
      return "what is trusted as a library becomes no loader; sign it with a signer of loaders instead";
    case FileState::Revoked:
      return "put a version that is not revoked in its place; or, if it is to count again, take it out of \"revoked\"";
    case FileState::Unreadable:
      return "mend that and learn again from the same events";
    case FileState::Sealed:
      break;
  }
  return "";
}

std::string text_for(const File& file) {
  switch (file.state) {
    case FileState::NotSealed:
      return "not sealed with fs-verity";
    case FileState::Gone:
      return "no longer there under this name";
    case FileState::Interpreter:
      return file.detail;
    case FileState::Library:
      return "proven as a library";
    case FileState::Revoked:
      return "its digest is revoked by the base, and no grant of a draft changes that";
    case FileState::Unreadable:
      return "cannot be judged: " + file.detail;
    case FileState::Sealed:
      break;
  }
  return "";
}

// What such a process calls says nothing of the file it claims to be: code of others runs in it, or the file is not
// the one it was started from.
bool is_about_the_mark(const std::string& reason) {
  return reason.starts_with("taint-") || reason == "exec-traced" || reason == "exe-changed" ||
         reason == "shared-memory";
}

class Learner {
 public:
  Learner(const manifest::Manifest& base, const Examiner& examiner) : base_(base), examiner_(examiner) {
    for (auto& [name, grant] : base_.grants) {
      taken_.insert(name);
      // Conditions are the policy's will, and whether one was met the events do not say.
      grant.when = {};
    }
  }

  Result<Draft> run(const std::vector<Event>& events) {
    std::map<std::string, std::vector<const Event*>> by_path;
    for (const Event& event : events)
      if (asks_for_a_grant(event)) by_path[event.executable].push_back(&event);
    for (const auto& [path, own] : by_path) look_at(path, own);
    Draft draft;
    for (const auto& [digest, seen] : seen_) add_entry(seen, draft);
    std::ranges::sort(draft.entries, {}, &Entry::path);
    for (Entry& entry : draft.entries) entry.grant.name = grant_name(entry.path, taken_);
    if (taken_.size() > manifest::kMaxGrants) return too_many(draft.entries.size());
    draft.remarks.assign(remarks_.begin(), remarks_.end());
    return draft;
  }

 private:
  void remark(const std::string& executable, std::string text, std::string remedy) {
    remarks_.insert({executable, std::move(text), std::move(remedy)});
  }

  // And says so, where one would not help.
  bool asks_for_a_grant(const Event& event) {
    const std::string& who = event.executable.empty() ? event.comm : event.executable;
    if (is_about_the_mark(event.reason)) {
      remark(who, "has no mark, or has lost it (" + event.reason + ")",
             "no command that is granted helps with that: sign what it maps as code, or see the option \"jit\"");
      return false;
    }
    if (event.kind != "refused" && event.kind != "would-refuse") return false;
    if (event.reason.starts_with("guarded-")) {
      remark(who, "has reached for the gate itself (" + event.reason + ")", "only the grant \"admin\" is for that");
      return false;
    }
    if (!event.command) return false;
    if (event.reason == "condition-not-met") {
      remark(who, "the condition of the grant " + event.rule + " is not met for " + *event.command,
             "if it should be, change \"when\" by hand");
      return false;
    }
    if (event.reason == "extension-refused") {
      remark(who, "the extension has refused it " + *event.command + ", which the policy allows",
             "no grant helps with that");
      return false;
    }
    if (!event.executable.empty()) return true;
    remark(who, "the kernel could not name the executable of a process with this name", "");
    return false;
  }

  void look_at(const std::string& path, const std::vector<const Event*>& events) {
    File file = examiner_(path);
    if (file.state == FileState::Sealed && !file.digest) file.state = FileState::NotSealed;
    Calls calls;
    for (const Event* event : events) add_call(path, file, *event, calls);
    if (file.state != FileState::Sealed) {
      if (!calls.is_empty()) remark(path, text_for(file), remedy_for(file.state));
      return;
    }
    Seen& seen = seen_.try_emplace(fsverity::to_string(*file.digest), Seen{path, file.digest, {}, {}}).first->second;
    seen.grants.insert(file.grants.begin(), file.grants.end());
    for (const Event* event : events) add_call(path, file, *event, seen.calls);
  }

  // Unless it is granted already.
  void add_call(const std::string& path, const File& file, const Event& event, Calls& calls) {
    auto call = call_of(event);
    if (!call)
      return remark(path, call.error().message, "this version cannot list it; only the word \"any\" grants it");
    std::vector<std::string> grants = file.grants;
    grants.insert(grants.end(), base_.default_grants.begin(), base_.default_grants.end());
    if (decide(base_, grants, {}, *call).answer != manifest::Answer::Granted) calls.add(*call, event);
  }

  void add_entry(const Seen& seen, Draft& draft) {
    if (seen.calls.is_empty()) return;
    if (seen.grants.size() >= manifest::kMaxGrantsOfOne)
      return remark(seen.path, "has as many grants as one file can have", "merge some of them");
    remark_on_helpers(seen);
    if (seen.calls.has_unseen_code() && !seen.calls.needs_any())
      remark(seen.path, "was refused a program before the gate had looked at what that calls",
             "learn in audit mode; the draft allows what was seen, and the class \"read-only\"");
    std::vector<std::string> grants(seen.grants.begin(), seen.grants.end());
    draft.entries.push_back({seen.path, *seen.digest, std::move(grants), seen.calls.grant("")});
  }

  void remark_on_helpers(const Seen& seen) {
    const char* gets = seen.calls.needs_any() ? "gets helpers \"any\"" : "gets helpers that do more than look";
    for (const std::string& why : seen.calls.not_read_only())
      remark(seen.path, std::string(gets) + ": its programs call " + why + ", which is not in the class \"read-only\"",
             "");
  }

  Failure too_many(size_t count) const {
    return fail(ErrorKind::Refused,
                std::to_string(count) +
                    " executables want a grant of their own, and with those of the base that is more than the " +
                    std::to_string(manifest::kMaxGrants) + " of a manifest",
                "sign what belongs together with one signer and give that a grant, then learn what is left");
  }

  manifest::Manifest base_;
  const Examiner& examiner_;
  std::set<std::string> taken_;
  std::map<std::string, Seen> seen_;  // by digest
  std::set<Remark> remarks_;
};

}  // namespace

Result<Draft> draft_from(const std::vector<Event>& events, const manifest::Manifest& base, const Examiner& examiner) {
  return Learner(base, examiner).run(events);
}

}  // namespace bpfgate::learn
