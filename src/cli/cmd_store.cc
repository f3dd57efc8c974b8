// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>

#include "base/io.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "sign/sign.h"
#include "store/store.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

struct AddOptions {
  BatchOptions batch;
  fs::path store;
  std::string package;
  fs::path root = "/";
  std::string role = "loader";
  bool allow_interpreter = false;
};

struct StoreSignOptions {
  fs::path store;
  std::string key;
  std::string certificate;
  PinOptions pin;
  std::string role = "loader";
  bool all = false;
};

struct CollectOptions {
  fs::path store;
  fs::path signatures;
  std::string certificate;
  std::string library_certificate;
};

struct ListOptions {
  fs::path store;
  bool json = false;
};

// As the package installs it: debian/example/usr/sbin/x below debian/example is /usr/sbin/x.
Result<std::string> installed_path(const std::string& file, const fs::path& root) {
  std::error_code error;
  fs::path relative = fs::proximate(fs::weakly_canonical(file, error), fs::weakly_canonical(root, error), error);
  if (error || relative.empty() || *relative.begin() == "..")
    return fail(ErrorKind::Invalid, file + " is not below " + root.string(),
                "name files of the package, and its --root");
  return "/" + relative.string();
}

// Absent: a new one.
Result<store::Store> load_or_new(const AddOptions& options) {
  std::error_code error;
  if (!fs::exists(options.store, error)) return store::Store{options.package, {}};
  TRY_ASSIGN(store::Store loaded, store::load(options.store));
  if (loaded.package == options.package) return loaded;
  return fail(ErrorKind::Invalid, options.store.string() + " is of the package " + loaded.package,
              "name another file, or that package");
}

Result<fsverity::Digest> digest_to_list(int fd, const std::string& file, const AddOptions& options) {
  if (options.role == "loader") TRY(sign::check_may_be_loader(fd, file, options.allow_interpreter));
  return fsverity::compute(fd, {});
}

Result<store::Entry> entry_of(const std::string& file, const AddOptions& options) {
  TRY_ASSIGN(std::string path, installed_path(file, options.root));
  TRY_ASSIGN(UniqueFd fd, sign::open_regular(file));
  Result<fsverity::Digest> digest = digest_to_list(fd.get(), file, options);
  if (!digest) return Failure(std::move(digest).error().within(file));
  TRY_ASSIGN(evidence::Role role, store::role_named(options.role));
  return store::Entry{path, *std::move(digest), {}, role};
}

// What is there already stays, and its signature with it.
Result<> add_entry(const store::Entry& entry, store::Store& store) {
  auto known = std::ranges::find_if(store.entries, [&](const store::Entry& other) {
    return other.path == entry.path && other.digest == entry.digest;
  });
  if (known == store.entries.end()) {
    store.entries.push_back(entry);
    return {};
  }
  if (known->role == entry.role) return {};
  return fail(
      ErrorKind::Invalid,
      printable(entry.path) + " is listed already, to be signed as a " + std::string(store::name_of(known->role)),
      "a file is one or the other: a loader may be mapped by others, too");
}

Result<> save(const fs::path& file, const store::Store& store) {
  // What it holds must be what can be read again.
  std::string text = store::to_text(store);
  TRY(store::parse(text, file.string()));
  return write_file_atomically(file, as_bytes(text));
}

void print(const char* done, const store::Entry& entry) {
  std::printf("%s %s %s\n", done, fsverity::to_string(entry.digest).c_str(), printable(entry.path).c_str());
}

Result<int> run_add(const AddOptions& options) {
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(store::Store store, load_or_new(options));
  std::vector<store::Entry> added;
  for (const std::string& file : files) {
    TRY_ASSIGN(store::Entry entry, entry_of(file, options));
    TRY(add_entry(entry, store));
    added.push_back(std::move(entry));
  }
  TRY(make_directories(fs::absolute(options.store).parent_path()));
  TRY(save(options.store, store));
  for (const store::Entry& entry : added) print("added", entry);
  TRY(flush_output());
  return exit_good;
}

Result<int> run_sign(const StoreSignOptions& options) {
  TRY_ASSIGN(store::Store store, store::load(options.store));
  TRY_ASSIGN(const evidence::Role role, store::role_named(options.role));
  TRY_ASSIGN(const SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  std::vector<const store::Entry*> done;
  for (store::Entry& entry : store.entries) {
    if (entry.role != role || (!entry.signature.empty() && !options.all)) continue;
    TRY_ASSIGN(entry.signature, evidence::sign(entry.digest, key.signer));
    done.push_back(&entry);
  }
  if (!done.empty()) TRY(save(options.store, store));
  for (const store::Entry* entry : done) print("signed", *entry);
  TRY(flush_output());
  return exit_good;
}

// DIR/usr/sbin/example.sig is of /usr/sbin/example.
Result<Bytes> collected_signature(const store::Entry& entry, const CollectOptions& options,
                                  const crypto::Certificate* certificate) {
  std::string file = (options.signatures / fs::path(entry.path).relative_path()).string() + ".sig";
  TRY_ASSIGN(Bytes signature, read_file(file, evidence::max_signature_size));
  if (auto formed = crypto::check_well_formed(signature); !formed)
    return fail(ErrorKind::Invalid, file + ": " + formed.error().message, "have the file signed anew");
  if (certificate == nullptr || crypto::check_detached(signature, evidence::signed_message(entry.digest),
                                                       *certificate) == crypto::SignatureCheck::Valid)
    return signature;
  return fail(ErrorKind::Refused, file + ": no signature by " + certificate->subject() + " of what is listed",
              "sign the file that this store was made of");
}

// A file's name tells its signature; which of two contents it is of, it does not.
Result<> check_told_apart(const store::Store& store) {
  std::set<std::string> paths;
  for (const store::Entry& entry : store.entries)
    if (entry.signature.empty() && !paths.insert(entry.path).second)
      return fail(ErrorKind::Invalid, printable(entry.path) + " is listed unsigned with two contents",
                  "collect signatures into a store of one version");
  return {};
}

// By role: whoever signs loaders signs no libraries.
struct Certificates {
  std::optional<crypto::Certificate> loader;
  std::optional<crypto::Certificate> library;

  [[nodiscard]] const crypto::Certificate* of(evidence::Role role) const {
    const std::optional<crypto::Certificate>& own = role == evidence::Role::Library && library ? library : loader;
    return own ? &*own : nullptr;
  }
};

Result<Certificates> load_certificates(const CollectOptions& options) {
  Certificates certificates;
  if (!options.certificate.empty()) {
    TRY_ASSIGN(certificates.loader, crypto::Certificate::load(options.certificate));
  }
  if (!options.library_certificate.empty()) {
    TRY_ASSIGN(certificates.library, crypto::Certificate::load(options.library_certificate));
  }
  return certificates;
}

Result<int> run_collect(const CollectOptions& options) {
  TRY_ASSIGN(store::Store store, store::load(options.store));
  TRY(check_told_apart(store));
  TRY_ASSIGN(const Certificates certificates, load_certificates(options));
  std::vector<const store::Entry*> done;
  for (store::Entry& entry : store.entries) {
    if (!entry.signature.empty()) continue;
    TRY_ASSIGN(entry.signature, collected_signature(entry, options, certificates.of(entry.role)));
    done.push_back(&entry);
  }
  if (!done.empty()) TRY(save(options.store, store));
  for (const store::Entry* entry : done) print("collected", *entry);
  TRY(flush_output());
  return exit_good;
}

std::string signer_of(const store::Entry& entry) {
  return entry.signature.empty() ? "" : crypto::describe_signer(entry.signature).value_or("unreadable");
}

Result<int> run_list(const ListOptions& options) {
  TRY_ASSIGN(store::Store store, store::load(options.store));
  Json entries = Json::array();
  for (const store::Entry& entry : store.entries) {
    std::string digest = fsverity::to_string(entry.digest), signer = signer_of(entry), role(store::name_of(entry.role));
    if (options.json)
      entries.push_back({{"path", entry.path},
                         {"digest", digest},
                         {"role", role},
                         {"signer", signer.empty() ? Json() : Json(signer)}});
    else
      std::printf("%s %s %s %s\n", digest.c_str(), role.c_str(), printable(entry.path).c_str(),
                  signer.empty() ? "unsigned" : printable(signer).c_str());
  }
  if (options.json) print_json_list("store list", "signatures", std::move(entries));
  TRY(flush_output());
  return exit_good;
}

void add_store_argument(CLI::App& app, fs::path& store) {
  app.add_option("--store", store, "the package's store: PACKAGE.json")
      ->type_name("FILE")
      ->check(refuse_empty)
      ->required();
}

template <class Options>
void set_run(CLI::App& app, int& status, const std::shared_ptr<Options>& options, Result<int> (*run)(const Options&)) {
  app.callback([options, &status, run] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

void setup_add(CLI::App& app, int& status) {
  auto options = std::make_shared<AddOptions>();
  add_batch_options(app, options->batch);
  add_store_argument(app, options->store);
  app.add_option("--package", options->package, "the package's name")->type_name("NAME")->required();
  app.add_option("--root", options->root, "where the package's files are, as if it were / (default: /)")
      ->type_name("DIR");
  app.add_option("--role", options->role, "what the files are to be signed as: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_flag("--allow-interpreter", options->allow_interpreter, "add interpreters and dynamic linkers as loaders");
  set_run(app, status, options, run_add);
}

void setup_store_sign(CLI::App& app, int& status) {
  auto options = std::make_shared<StoreSignOptions>();
  add_store_argument(app, options->store);
  app.add_option("--key", options->key, "private key: a PEM file or a pkcs11: URI")->type_name("KEY")->required();
  app.add_option("--cert", options->certificate, "its certificate: PEM, DER or a pkcs11: URI")
      ->type_name("CERT")
      ->required();
  add_pin_options(app, options->pin);
  app.add_option("--role", options->role, "sign what is to be a loader (default), or a library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_flag("--all", options->all, "sign anew what is signed already");
  set_run(app, status, options, run_sign);
}

void setup_collect(CLI::App& app, int& status) {
  auto options = std::make_shared<CollectOptions>();
  add_store_argument(app, options->store);
  app.add_option("--signatures", options->signatures, "where they are, as PATH.sig below it")
      ->type_name("DIR")
      ->check(refuse_empty)
      ->required();
  app.add_option("--cert", options->certificate, "take only valid signatures by this certificate")
      ->type_name("CERT")
      ->check(refuse_empty);
  app.add_option("--library-cert", options->library_certificate, "of libraries those by this one")
      ->type_name("CERT")
      ->check(refuse_empty);
  set_run(app, status, options, run_collect);
}

void setup_list(CLI::App& app, int& status) {
  auto options = std::make_shared<ListOptions>();
  add_store_argument(app, options->store);
  app.add_flag("--json", options->json, "print one JSON object");
  set_run(app, status, options, run_list);
}

}  // namespace

void setup_store(CLI::App& app, int& status) {
  app.require_subcommand(1);
  setup_add(*app.add_subcommand("add", "list files of a package, to be signed"), status);
  setup_store_sign(*app.add_subcommand("sign", "sign what a store lists, without the files"), status);
  setup_collect(*app.add_subcommand("collect", "take signatures that were made elsewhere"), status);
  setup_list(*app.add_subcommand("list", "show what a store lists"), status);
}

}  // namespace bpfgate::cli
