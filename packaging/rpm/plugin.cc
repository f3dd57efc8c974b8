// SPDX-License-Identifier: MIT
// A plugin for rpm: puts the signatures that a package carries for its files on the files as they are installed, and
// seals those. Everything it says goes through rpm's log.
//
//   init              options, certificates; OpenSSL. The host's files are out of reach later, in a chroot
//   tsm_pre           refuses a transaction with a mistake in the options
//   psm_pre           the signatures of the package: what needs no content is checked, and may refuse the package
//   fsm_file_prepare  compares a file with its signature, which may refuse the package, too, and sets its xattr
//   fsm_file_post     seals it when it has its name
//   scriptlet_pre     %post, or a trigger, is about to run: all files have their names, and it is the turn of stores
//   psm_post          so it is if there was no scriptlet; what could not be sealed
//
// rpm is C: no exception leaves a hook.
#include <rpm/header.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <sstream>

#include "crypto/base64.h"
#include "delivery.h"
#include "plugin_api.h"

namespace bpfgate::rpm_plugin {
namespace {

struct Plugin {
  Delivery delivery;
  std::string mistake;  // in the options; refuses every transaction
  size_t failures = 0;
};

void log(rpmlogLvl level, const std::string& text) { rpmlog(level, "bpfgate: %s\n", text.c_str()); }

Plugin& plugin_of(rpmPlugin plugin) { return *static_cast<Plugin*>(rpmPluginGetData(plugin)); }

// Whatever is thrown in a hook is memory that ran out: the hook fails.
template <class Hook>
rpmRC guarded(Hook hook) noexcept {
  try {
    return hook();
  } catch (const std::exception& error) {
    rpmlog(RPMLOG_ERR, "bpfgate: %s\n", error.what());
    return RPMRC_FAIL;
  }
}

Result<std::vector<std::string>> files_at(const std::string& place) {
  std::error_code error;
  if (!std::filesystem::is_directory(place, error)) return std::vector<std::string>{place};
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(place, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string extension = entry->path().extension();
    if (extension == ".pem" || extension == ".der") files.push_back(entry->path());
  }
  if (error) return fail(ErrorKind::Failed, place + ": " + error.message());
  if (files.empty()) return fail(ErrorKind::Invalid, place + ": no certificate in it, no *.pem or *.der");
  std::ranges::sort(files);
  return files;
}

// "cert=FILE cert=DIRECTORY": what follows the plugin's path in its macro.
Result<std::vector<crypto::Certificate>> load_certificates(const std::string& options) {
  std::vector<crypto::Certificate> certificates;
  std::istringstream words(options);
  for (std::string word; words >> word;) {
    if (!word.starts_with("cert="))
      return fail(ErrorKind::Invalid, "unknown option " + printable(word), "use cert=FILE");
    TRY_ASSIGN(std::vector<std::string> files, files_at(word.substr(5)));
    for (const std::string& file : files) {
      TRY_ASSIGN(crypto::Certificate certificate, crypto::Certificate::load(file));
      certificates.push_back(std::move(certificate));
    }
  }
  return certificates;
}

// Whatever goes wrong refuses transactions, in tsm_pre(): a plugin that fails here is left out.
Result<std::vector<crypto::Certificate>> certificates_for(rpmPlugin plugin) {
  try {
    const char* options = rpmPluginOpts(plugin);
    return load_certificates(options != nullptr ? options : "");
  } catch (const std::exception& error) {
    return fail(ErrorKind::Failed, error.what());
  }
}

rpmRC init(rpmPlugin plugin, rpmts) {
  return guarded([&] {
    Result<std::vector<crypto::Certificate>> loaded = certificates_for(plugin);
    auto state = std::make_unique<Plugin>(
        Plugin{Delivery(loaded ? std::move(*loaded) : std::vector<crypto::Certificate>()), {}, 0});
    if (!loaded) state->mistake = line("%__transaction_bpfgate", loaded.error());
    // OpenSSL reads its configuration at its first use, which is to be here.
    (void)crypto::sha256({});
    rpmPluginSetData(plugin, state.release());
    return RPMRC_OK;
  });
}

void cleanup(rpmPlugin plugin) {
  std::unique_ptr<Plugin> state(static_cast<Plugin*>(rpmPluginGetData(plugin)));
  rpmPluginSetData(plugin, nullptr);
}

// Not in init(): where that fails rpm refuses the package at hand and has set up its plugins, so that the next one is
// installed without this one (rpmtsSetupTransactionPlugins() in lib/transaction.c).
rpmRC tsm_pre(rpmPlugin plugin, rpmts) {
  return guarded([&] {
    Plugin& state = plugin_of(plugin);
    state.delivery.start();
    if (state.mistake.empty()) return RPMRC_OK;
    log(RPMLOG_ERR, state.mistake);
    return RPMRC_FAIL;
  });
}

rpmRC tsm_post(rpmPlugin plugin, rpmts, int) {
  return guarded([&] {
    size_t failures = std::exchange(plugin_of(plugin).failures, 0);
    if (failures > 0)
      log(RPMLOG_WARNING,
          "signatures that are not as they should be: " + std::to_string(failures) + "; see the warnings above");
    return RPMRC_OK;
  });
}

struct Free {
  void operator()(headerToken_s* header) const { headerFree(header); }
  void operator()(rpmfiles_s* files) const { rpmfilesFree(files); }
  void operator()(char* text) const { std::free(text); }
};
using HeaderHandle = std::unique_ptr<headerToken_s, Free>;
using FilesHandle = std::unique_ptr<rpmfiles_s, Free>;
using Text = std::unique_ptr<char, Free>;

// A tag's data, for as long as this lives.
class TagData {
 public:
  TagData() = default;
  TagData(const TagData&) = delete;
  TagData& operator=(const TagData&) = delete;
  ~TagData() { rpmtdFreeData(&data_); }
  rpmtd get() { return &data_; }

 private:
  rpmtd_s data_ = {};
};

// Whoever has signed every file, as rpmsign does, has not meant that configuration cannot be edited any more.
bool is_configuration(rpmfiles files, int entry) {
  return (rpmfilesFFlags(files, entry) & RPMFILE_CONFIG) != 0 &&
         (rpmfilesFMode(files, entry) & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0;
}

// Which goes for the file, whatever its other names are.
bool has_configuration(rpmfiles files, int entry) {
  const int* linked = nullptr;
  const uint32_t count = rpmfilesFLinks(files, entry, &linked);
  if (count < 2 || linked == nullptr) return is_configuration(files, entry);
  return std::ranges::any_of(std::span(linked, count), [&](int name) { return is_configuration(files, name); });
}

// Names of one file: rpm unpacks it for the last one, and whoever has signed it may have done so for the first. Of two
// signatures neither is known to be the right one.
Result<> unite_links(rpmfiles list, Contents& contents) {
  for (size_t entry = 0; entry < contents.files.size(); ++entry) {
    const int* linked = nullptr;
    const uint32_t count = rpmfilesFLinks(list, static_cast<int>(entry), &linked);
    if (count < 2 || linked == nullptr || contents.files[entry].signature.empty()) continue;
    for (const int other : std::span(linked, count)) {
      Bytes& theirs = contents.files[static_cast<size_t>(other)].signature;
      if (theirs.empty()) theirs = contents.files[entry].signature;
      if (theirs != contents.files[entry].signature)
        return fail(ErrorKind::Invalid, printable(contents.files[entry].name) + " is one file with " +
                                            printable(contents.files[static_cast<size_t>(other)].name) +
                                            ", and has another signature");
    }
  }
  return {};
}

// Not rpmfiVSignature(), which fills every signature up to the length of the longest with zeros.
Result<> read_signatures(Header header, rpmfiles list, Contents& contents) {
  TagData tag;
  if (headerGet(header, RPMTAG_VERITYSIGNATURES, tag.get(), HEADERGET_MINMEM) != 1) return {};
  if (rpmtdCount(tag.get()) != contents.files.size())
    return fail(ErrorKind::Invalid, "it has " + std::to_string(rpmtdCount(tag.get())) + " signatures of " +
                                        std::to_string(contents.files.size()) + " files");
  for (size_t entry = 0; const char* text = rpmtdNextString(tag.get()); ++entry) {
    if (has_configuration(list, static_cast<int>(entry))) continue;
    Result<Bytes> decoded = crypto::from_wrapped_base64(text);
    if (!decoded)
      return fail(ErrorKind::Invalid,
                  printable(contents.files[entry].name) + ": its signature " + decoded.error().message);
    contents.files[entry].signature = *std::move(decoded);
  }
  TRY(unite_links(list, contents));
  // Where it is missing rpm takes SHA-256.
  const uint64_t number = headerGetNumber(header, RPMTAG_VERITYSIGNATUREALGO);
  TRY_ASSIGN(contents.algorithm, number == 0 ? fsverity::Algorithm::Sha256 : fsverity::algorithm_numbered(number));
  return {};
}

Result<Contents> contents_of(rpmte element) {
  Contents contents;
  FilesHandle list(rpmteFiles(element));
  for (int entry = 0; list && entry < static_cast<int>(rpmfilesFC(list.get())); ++entry) {
    // What only rpm's database knows is nobody's file.
    const bool is_ghost = (rpmfilesFFlags(list.get(), entry) & RPMFILE_GHOST) != 0;
    contents.files.push_back({is_ghost ? "" : Text(rpmfilesFN(list.get(), entry)).get(), {}});
  }
  contents.is_installed = rpmteType(element) == TR_ADDED;
  // Before and after the transaction rpm asks for scriptlets alone, without the list of files.
  if (!contents.is_installed || contents.files.empty()) return contents;
  HeaderHandle header(rpmteHeader(element));
  if (header) TRY(read_signatures(header.get(), list.get(), contents));
  return contents;
}

rpmRC psm_pre(rpmPlugin plugin, rpmte element) {
  return guarded([&] {
    Delivery& delivery = plugin_of(plugin).delivery;
    Result<Contents> contents = contents_of(element);
    Result<> begun = contents ? delivery.begin(*std::move(contents)) : Result<>(Failure(contents.error()));
    if (begun) return RPMRC_OK;
    log(RPMLOG_ERR, "refused: " + line(rpmteNEVRA(element), begun.error()));
    return RPMRC_FAIL;
  });
}

rpmRC psm_post(rpmPlugin plugin, rpmte element, int result) {
  return guarded([&] {
    Plugin& state = plugin_of(plugin);
    for (const std::string& failure : state.delivery.finish(result == 0)) {
      log(RPMLOG_WARNING, std::string(rpmteNEVRA(element)) + ": " + failure);
      ++state.failures;
    }
    return RPMRC_OK;
  });
}

// Before %pre, too, when there is no file yet.
rpmRC scriptlet_pre(rpmPlugin plugin, const char*, int) {
  return guarded([&] {
    plugin_of(plugin).delivery.settle();
    return RPMRC_OK;
  });
}

rpmRC fsm_file_prepare(rpmPlugin plugin, rpmfi file, int fd, const char* path, const char* destination, mode_t mode,
                       rpmFsmOp) {
  // No file: a directory that no package owns.
  if (file == nullptr || path == nullptr || !S_ISREG(mode)) return RPMRC_OK;
  return guarded([&] {
    const std::string name = destination != nullptr ? destination : path;
    Result<> done = plugin_of(plugin).delivery.prepare(static_cast<size_t>(rpmfiFX(file)), fd, path, name);
    if (done) return RPMRC_OK;
    log(RPMLOG_ERR, "refused: " + line(name, done.error()));
    return RPMRC_FAIL;
  });
}

rpmRC fsm_file_post(rpmPlugin plugin, rpmfi, const char* path, mode_t mode, rpmFsmOp, int result) {
  // 4.18 has no path for a directory that no package owns.
  if (path == nullptr || result != 0 || !S_ISREG(mode)) return RPMRC_OK;
  return guarded([&] {
    plugin_of(plugin).delivery.commit(path);
    return RPMRC_OK;
  });
}

}  // namespace
}  // namespace bpfgate::rpm_plugin

extern "C" {

// The one symbol that rpm looks for: NAME_hooks, in the order of the table.
__attribute__((visibility("default"))) rpmPluginHooks_s bpfgate_hooks = {
    bpfgate::rpm_plugin::init,
    bpfgate::rpm_plugin::cleanup,
    bpfgate::rpm_plugin::tsm_pre,
    bpfgate::rpm_plugin::tsm_post,
    bpfgate::rpm_plugin::psm_pre,
    bpfgate::rpm_plugin::psm_post,
    bpfgate::rpm_plugin::scriptlet_pre,
    nullptr,  // scriptlet_fork_post
    nullptr,  // scriptlet_post
    nullptr,  // fsm_file_pre
    bpfgate::rpm_plugin::fsm_file_post,
    bpfgate::rpm_plugin::fsm_file_prepare,
};
}
