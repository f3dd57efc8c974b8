// SPDX-License-Identifier: MIT
#include "service/journal.h"

#include <chrono>

// The fields below name no line of this file.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

namespace bpfgate::service {
namespace {

struct Id {
  std::string_view word;
  std::string_view id;
};

// Random once, and never changed: filters and catalogues refer to them.
constexpr Id reason_ids[] = {
    {"none", "0b3944993f2e50d3af8a73e1b4b5e89a"},
    {"listed-digest", "6a394225dfb25f9e86b374e93b7fc23f"},
    {"signature", "b07170ab6d6752cdabd64ccb6af9934f"},
    {"listed-ima-digest", "097c980ca597469e86aa6f88efdb04ab"},
    {"ima-signature", "e5fc4d43b23242759e5b1620fcac2421"},
    {"volume", "cafa403ceed248f09b961f5dbdb01a97"},
    {"not-sealed", "05dc838cb6ef58a781199eca0b96212d"},
    {"no-signature", "9c0467d68bef567fa26ddfb3a3c740bf"},
    {"signature-too-large", "b7409e16452452589bbe99144935718e"},
    {"signature-malformed", "87fc6b61ddc75b3aa206560a305d2dec"},
    {"signature-untrusted", "909aff6b772d56e187c8f45892bdf1a5"},
    {"signature-mismatch", "111529ecb2c452b583975c2df4443616"},
    {"digest-unknown", "5c11a652143b544db232090329c7a8fb"},
    {"volume-untrusted", "4b95dd890fd94508b0bef4261f0f51e2"},
    {"volume-replaced", "e8bf2f2811c74a3fad7ec95613d295af"},
    {"volume-unchecked", "f8a5804bb86e41b084f0bfc9a0b864b8"},
    {"revoked", "98241338a4b7498492933eae0caca581"},
    {"busy", "053a34eba8f95affab40655b03fd7a7d"},
    {"fault", "06125e0243b8585ea37b50a1002aee70"},
    {"not-a-loader", "b47a6bc23c005bcbb4c14ec8f1df7241"},
    {"exec-traced", "ec45d033fd47581ea4630f8091a3c3b0"},
    {"exe-changed", "597241982cdf5c4d8ed78758e50f002d"},
    {"shared-memory", "00fe09a2b41959c2965d6a8abb94df74"},
    {"command-not-granted", "0abe7fc7a60953fcb60a081526cecd76"},
    {"program-type-not-granted", "c90d51ee96b64c9bac475ca77343373d"},
    {"map-type-not-granted", "868373f71d514f48ae6239243db8b9d0"},
    {"attach-type-not-granted", "074106c017e6491d99032874a2c1e5ff"},
    {"target-not-granted", "ae453202d1de4fd0a309ef485336eba5"},
    {"condition-not-met", "7c7fc996596e46b9a7fff9fd3f8d5e3d"},
    {"helper-not-granted", "1d57bd2eae4f487594003c6e473e2756"},
    {"kfunc-not-granted", "c6255b96c20347d3b26bd791a93dcf97"},
    {"program-not-signed", "7c8bb07a7e41442ea88f931a2dffcaf1"},
    {"extension-refused", "b8d0f1c6a5354e0b9a3c7f52d16e84a9"},
    {"debugger", "3990b199c9365387ac1280383fd4b699"},
    {"taint-file", "3306000125dd50eda433c1f171e2bc26"},
    {"taint-anonymous", "9e5c4d84bd4a5d978eefa3df31a9f83f"},
    {"taint-writable", "d0e2ff52bf395e6abcbaab37778ee698"},
    {"taint-made-executable", "5893ee60b4785cffbeb193041d4041ea"},
    {"taint-made-writable", "a18f45f99b0352c4894f7bd9ae51167a"},
    {"taint-traced", "e4f79865c3885facadf42cb73a46a6ea"},
    {"taint-exe-replaced", "d5fa38f31cf05a8dacb4df5cda920a06"},
    {"taint-volume", "6ccaa57ce306427793443ed4c287e9d2"},
    {"guarded-map", "8e5d6d56225452faa014e4236d843c54"},
    {"guarded-program", "9a194cd126bc5df5a63a5cf1c24eea97"},
    {"guarded-link", "b86f329cce385d618d139e15b6a3eb96"},
    {"guarded-pin", "543d9175b84a56ab8fb68ea541f56e45"},
    {"guarded-mount", "9b2ece6f8efc5234a0aae6e022c5d18c"},
    {"guarded-key", "0a184a0dbc2456189524f7b48ca41023"},
    {"guarded-sysctl", "2c0ad69ebe0251dba67646ca81b6372f"},
    {"guarded-hook", "147307eb9719532e85c6ad31549d503a"},
};

struct NoticeId {
  const char* word;
  const char* id;
  int priority;
};

// In the order of enum Notice.
constexpr NoticeId notices[] = {
    {"started", "35a999d7402d55d994ad153fb40b1509", LOG_INFO},
    {"restarted", "9920628d335b51eeb2739b8257ed8568", LOG_WARNING},
    {"pins-lost", "de32b96d7fe9543d854c20da2289d49d", LOG_ALERT},
    {"pins-back", "8b4ba61f8de35c2c9b9cf6cb37f67224", LOG_NOTICE},
    {"released", "57af45e8a5ec540d89714424d50af1e5", LOG_NOTICE},
    {"metrics-lost", "97ce17c83df3409597f3681c03837228", LOG_WARNING},
};

int priority_of(const gate::Event& event) { return event.kind == "would-refuse" ? LOG_NOTICE : LOG_WARNING; }

// "a,b"
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// Since the epoch. The entry's own time is that of writing, which may be much later.
std::string time_of(const gate::Event& event) {
  auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(event.time.time_since_epoch());
  return std::to_string(since_epoch.count());
}

}  // namespace

std::string_view message_id(std::string_view reason) {
  for (const Id& entry : reason_ids)
    if (entry.word == reason) return entry.id;
  return {};
}

std::vector<std::string> fields_of(const gate::Event& event) {
  std::vector<std::string> fields = {
      "MESSAGE=" + gate::sentence(event),
      "PRIORITY=" + std::to_string(priority_of(event)),
      "BPFGATE_TIME=" + time_of(event),
      "BPFGATE_KIND=" + event.kind,
      "BPFGATE_REASON=" + event.reason,
      "BPFGATE_VERDICT=" + event.verdict,
      "BPFGATE_RULE=" + event.rule,
      "BPFGATE_COMMAND=" + event.command.value_or(""),
      "BPFGATE_PROGRAM_TYPE=" + event.program_type.value_or(""),
      "BPFGATE_MAP_TYPE=" + event.map_type.value_or(""),
      "BPFGATE_ATTACH_TYPE=" + event.attach_type.value_or(""),
      "BPFGATE_TARGET=" + event.target.value_or(""),
      "BPFGATE_HELPERS=" + joined(event.helpers),
      "BPFGATE_KFUNCS=" + joined(event.kfuncs),
      "BPFGATE_KFUNC_COUNT=" + std::to_string(event.kfunc_count),
      "BPFGATE_DENIED=" + event.denied.value_or(""),
      "BPFGATE_EXECUTABLE=" + event.executable,
      "BPFGATE_COMM=" + event.comm,
      "BPFGATE_PID=" + std::to_string(event.tgid),
      "BPFGATE_UID=" + std::to_string(event.uid),
      "BPFGATE_GENERATION=" + std::to_string(event.generation),
      "BPFGATE_PRE_EXISTING=" + std::string(event.pre_existing ? "1" : "0"),
  };
  std::string_view id = message_id(event.reason);
  if (!id.empty()) fields.push_back("MESSAGE_ID=" + std::string(id));
  return fields;
}

void log(const gate::Event& event) {
  std::vector<std::string> fields = fields_of(event);
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (std::string& field : fields) parts.push_back({field.data(), field.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

void log(Notice notice, const std::string& text) {
  const NoticeId& entry = notices[static_cast<size_t>(notice)];
  sd_journal_send("MESSAGE=%s", text.c_str(), "PRIORITY=%i", entry.priority, "MESSAGE_ID=%s", entry.id,
                  "BPFGATE_KIND=service", "BPFGATE_REASON=%s", entry.word, nullptr);
}

}  // namespace bpfgate::service
