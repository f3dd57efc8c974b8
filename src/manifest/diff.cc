// SPDX-License-Identifier: MIT
#include "manifest/diff.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "manifest/diff_grant.h"
#include "manifest/document.h"

namespace bpfgate::manifest {
namespace {

using Json = nlohmann::json;
using Changes = std::vector<Change>;

// What a signature is over. Everything below works on it, so that nothing that decides can be forgotten.
// Parts that are left out where they say nothing are there, so that both sides have them.
Json canonical_json(const Manifest& manifest) {
  Json json = Json::parse(canonical_text(manifest), nullptr, false);
  if (!json.contains("volumes")) json["volumes"] = Json::array();
  if (!json.contains("evidence")) json["evidence"] = Json::object();
  if (!json.contains("extension")) json["extension"] = Json::object();
  return json;
}

// What tells the elements of a list apart, also for people.
std::string signer_key(const Json& signer) { return "signer " + signer["name"].get<std::string>(); }
std::string digest_key(const Json& listed) {
  return "digest " + listed["kind"].get<std::string>() + " " + listed["digest"].get<std::string>();
}

std::string volume_key(const Json& volume) { return "volume " + volume["name"].get<std::string>(); }
std::string loader_key(const Json& loader) { return "inode " + loader["inode"].dump(); }

std::string revoked_digest_key(const Json& revoked) { return "revoked " + digest_key(revoked); }
std::string revoked_certificate_key(const Json& revoked) {
  return "revoked certificate " + revoked["fingerprint"].get<std::string>();
}

using KeyOf = std::string (*)(const Json&);
// By their places.
const std::map<std::string, KeyOf> keyed_lists = {{"/signers", signer_key},
                                                  {"/digests", digest_key},
                                                  {"/volumes", volume_key},
                                                  {"/revoked/digests", revoked_digest_key},
                                                  {"/revoked/certificates", revoked_certificate_key}};

// An element of either list, or of both.
struct Pair {
  const Json* before = nullptr;
  const Json* after = nullptr;
  size_t before_index = 0;
  size_t after_index = 0;
};

std::map<std::string, Pair> match(const Json& before, const Json& after, KeyOf key_of) {
  std::map<std::string, Pair> pairs;
  for (size_t i = 0; i < before.size(); ++i) {
    Pair& pair = pairs[key_of(before[i])];
    pair.before = &before[i];
    pair.before_index = i;
  }
  for (size_t i = 0; i < after.size(); ++i) {
    Pair& pair = pairs[key_of(after[i])];
    pair.after = &after[i];
    pair.after_index = i;
  }
  return pairs;
}

// The same for the members of two objects.
std::map<std::string, Pair> match(const Json& before, const Json& after) {
  std::map<std::string, Pair> pairs;
  for (const auto& item : before.items()) pairs[item.key()].before = &item.value();
  for (const auto& item : after.items()) pairs[item.key()].after = &item.value();
  return pairs;
}

bool is_equal(const Pair& pair) { return pair.before && pair.after && *pair.before == *pair.after; }

Json change_json(const Pair& pair, const std::string& pointer) {
  Json change = {{"op", !pair.before ? "add" : !pair.after ? "remove" : "replace"}, {"pointer", pointer}};
  if (pair.before) change["old"] = *pair.before;
  if (pair.after) change["new"] = *pair.after;
  return change;
}

bool is_at_or_below(const std::string& place, const std::string& other) {
  return place.starts_with(other) && (place.size() == other.size() || place[other.size()] == '/');
}

// The lines for people are of larger parts, or of smaller ones.
bool is_wider(const std::string& part, const Changes& changes) {
  return std::ranges::any_of(changes, [&](const Change& change) {
    return change.wider && (is_at_or_below(part, change.part) || is_at_or_below(change.part, part));
  });
}

void add_list_json(const Pair& lists, const std::string& place, KeyOf key_of, const Changes& changes, Json& out) {
  for (const auto& [name, pair] : match(*lists.before, *lists.after, key_of)) {
    if (is_equal(pair)) continue;
    size_t index = pair.after ? pair.after_index : pair.before_index;
    out.push_back(change_json(pair, place + "/" + std::to_string(index)));
    out.back()["wider"] = is_wider(place + "/" + name, changes);
  }
}

// Objects only, so that a pointer means the same place in both.
void add_object_json(const Pair& objects, const std::string& pointer, const Changes& changes, Json& out) {
  for (const auto& [key, pair] : match(*objects.before, *objects.after)) {
    std::string place = pointer + pointer_step(key);
    auto list = keyed_lists.find(place);
    if (list != keyed_lists.end() && pair.before && pair.after)
      add_list_json(pair, place, list->second, changes, out);
    else if (pair.before && pair.after && pair.before->is_object() && pair.after->is_object())
      add_object_json(pair, place, changes, out);
    else if (!is_equal(pair)) {
      out.push_back(change_json(pair, place));
      out.back()["wider"] = is_wider(place, changes);
    }
  }
}

// "grant" is one name, a list, or not there.
Words grants_of(const Json& holder) {
  Words names;
  if (!holder.contains("grant")) return names;
  const Json& grant = holder["grant"];
  if (grant.is_string()) return {grant.get<std::string>()};
  for (const Json& name : grant) names.insert(name.get<std::string>());
  return names;
}

bool gains_grant(const Json& before, const Json& after) {
  Words gained = grants_of(after);
  gained.erase("none");
  return includes_more(grants_of(before), gained);
}

std::string described_volume(const Json& volume) {
  std::string text = "root hash " + volume["root_hash"].get<std::string>();
  for (const Json& loader : volume["loaders"])
    text += ", " + loader_key(loader) + " grant " + joined(grants_of(loader));
  return text;
}

std::string described(const Json& element) {
  if (element.contains("root_hash")) return described_volume(element);
  std::string text = element["role"].get<std::string>();
  if (element.contains("grant")) text += ", grant " + joined(grants_of(element));
  return text;
}

void compare_elements(const std::string& what, const std::string& part, const Json& before, const Json& after,
                      Changes& out) {
  auto add = [&](const std::string& text, bool wider) { out.push_back({"~ " + what + ": " + text, wider, part}); };
  if (before["role"] != after["role"])
    add("role " + before["role"].get<std::string>() + " -> " + after["role"].get<std::string>(), true);
  if (before.contains("certificate") && before["certificate"] != after["certificate"]) add("another certificate", true);
  if (grants_of(before) != grants_of(after))
    add("grant " + gained_and_lost(grants_of(before), grants_of(after)), gains_grant(before, after));
}

void compare_volumes(const std::string& what, const std::string& part, const Json& before, const Json& after,
                     Changes& out) {
  auto add = [&](const std::string& text, bool wider) { out.push_back({"~ " + what + ": " + text, wider, part}); };
  if (before["root_hash"] != after["root_hash"])
    add("root hash " + before["root_hash"].get<std::string>() + " -> " + after["root_hash"].get<std::string>(), true);
  for (const auto& [loader, pair] : match(before["loaders"], after["loaders"], loader_key)) {
    if (is_equal(pair)) continue;
    // A name for people only, but one that they sign.
    if (pair.before && pair.after && (*pair.before)["path"] != (*pair.after)["path"])
      add(loader + " path " + (*pair.before)["path"].get<std::string>() + " -> " +
              (*pair.after)["path"].get<std::string>(),
          false);
    if (pair.before && pair.after && grants_of(*pair.before) == grants_of(*pair.after)) continue;
    Words gained = pair.after ? grants_of(*pair.after) : Words();
    Words lost = pair.before ? grants_of(*pair.before) : Words();
    bool wider = pair.after && (!pair.before || gains_grant(*pair.before, *pair.after));
    add(loader + " grant " + gained_and_lost(lost, gained), wider);
  }
}

// A listed digest has the last word on its file: without it, a signature of the file may count for more.
void compare_lists(const Pair& lists, const std::string& place, KeyOf key_of, Changes& out) {
  for (const auto& [what, pair] : match(*lists.before, *lists.after, key_of)) {
    const std::string part = place + "/" + what;
    if (!pair.before)
      out.push_back({"+ " + what + ": " + described(*pair.after), true, part});
    else if (!pair.after)
      out.push_back({"- " + what + ": " + described(*pair.before), pair.before->contains("digest"), part});
    else if (!is_equal(pair))
      (pair.before->contains("root_hash") ? compare_volumes : compare_elements)(what, part, *pair.before, *pair.after,
                                                                                out);
  }
}

// Neither has a role of its own: it is there or not.
void compare_revoked(const Pair& pair, Changes& out) {
  const Json nothing = Json::object();
  const Json& before = pair.before ? *pair.before : nothing;
  const Json& after = pair.after ? *pair.after : nothing;
  for (const char* key : {"certificates", "digests"}) {
    const std::string place = std::string("/revoked/") + key;
    const Json old_list = before.value(key, Json::array());
    const Json new_list = after.value(key, Json::array());
    for (const auto& [what, one] : match(old_list, new_list, keyed_lists.at(place))) {
      if (!one.before) out.push_back({"+ " + what, false, place + "/" + what});
      if (!one.after) out.push_back({"- " + what, true, place + "/" + what});
    }
  }
}

void compare_grant(const std::string& name, const Manifest& before, const Manifest& after, Changes& out) {
  std::vector<Change> parts = grant_changes(before.grants.at(name), after.grants.at(name));
  if (parts.empty()) parts.push_back({"the same, an entry of a list given twice in one of them", false, ""});
  for (const Change& part : parts)
    out.push_back({"~ grant " + name + ": " + part.text, part.wider, "/grants" + pointer_step(name) + part.part});
}

// A grant by itself allows nobody anything: who has it got, or has no longer, has a line of his own.
void compare_grants(const Pair& lists, const Manifest& before, const Manifest& after, Changes& out) {
  for (const auto& [name, pair] : match(*lists.before, *lists.after)) {
    if (!pair.before)
      out.push_back({"+ grant " + name + ": " + pair.after->dump(), false, "/grants" + pointer_step(name)});
    else if (!pair.after)
      out.push_back({"- grant " + name + ": " + pair.before->dump(), false, "/grants" + pointer_step(name)});
    else if (!is_equal(pair))
      compare_grant(name, before, after, out);
  }
}

// In audit mode nothing is refused, and without a gate neither.
bool refuses_less(Mode before, Mode after) {
  return (before == Mode::Enforce && after != Mode::Enforce) || (before != Mode::Off && after == Mode::Off);
}

Words keys_of(const Json& object) {
  Words keys;
  for (const auto& item : object.items()) keys.insert(item.key());
  return keys;
}

std::string text_of(const Json* value) {
  if (value->empty()) return "nothing";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

void compare_top(const std::string& key, const Pair& pair, const Manifest& before, const Manifest& after,
                 Changes& out) {
  if (is_equal(pair)) return;
  if (key == "revoked") return compare_revoked(pair, out);
  if (auto list = keyed_lists.find("/" + key); list != keyed_lists.end())
    return compare_lists(pair, list->first, list->second, out);
  if (key == "grants") return compare_grants(pair, before, after, out);
  if (key == "default") {
    std::string text = gained_and_lost(grants_of(*pair.before), grants_of(*pair.after));
    return out.push_back({"~ default: grant " + text, gains_grant(*pair.before, *pair.after), "/default"});
  }
  bool wider = key == "mode" && refuses_less(before.mode, after.mode);
  if (key == "evidence") wider = includes_more(keys_of(*pair.before), keys_of(*pair.after));
  // What another one lets pass nobody knows.
  if (key == "extension") wider = !pair.before->empty();
  out.push_back({"~ " + key + " " + text_of(pair.before) + " -> " + text_of(pair.after), wider, "/" + key});
}

}  // namespace

Changes changes(const Manifest& before, const Manifest& after) {
  Json old_json = canonical_json(before);
  Json new_json = canonical_json(after);
  Changes out;
  for (const auto& [key, pair] : match(old_json, new_json)) compare_top(key, pair, before, after, out);
  return out;
}

Json changes_json(const Manifest& before, const Manifest& after) {
  Json old_json = canonical_json(before);
  Json new_json = canonical_json(after);
  Json out = Json::array();
  add_object_json({&old_json, &new_json}, "", changes(before, after), out);
  return out;
}

}  // namespace bpfgate::manifest
