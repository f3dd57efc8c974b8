// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/io.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
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
  bool all = false;
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

Result<> add_file(const std::string& file, const AddOptions& options, store::Store& store) {
  TRY_ASSIGN(std::string path, installed_path(file, options.root));
  TRY_ASSIGN(UniqueFd fd, sign::open_regular(file));
  Result<fsverity::Digest> digest = digest_to_list(fd.get(), file, options);
  if (!digest) return Failure(std::move(digest).error().within(file));
  std::printf("added %s %s\n", fsverity::to_string(*digest).c_str(), printable(path).c_str());
  store::Entry entry{path, *std::move(digest), {}};
  bool is_known = std::ranges::any_of(store.entries, [&](const store::Entry& known) {
    return known.path == entry.path && known.digest == entry.digest;
  });
  if (!is_known) store.entries.push_back(std::move(entry));
  return {};
}

Result<int> run_add(const AddOptions& options) {
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(store::Store store, load_or_new(options));
  for (const std::string& file : files) TRY(add_file(file, options, store));
  // What it holds must be what can be read again.
  std::string text = store::to_text(store);
  TRY(store::parse(text, options.store.string()));
  TRY(make_directories(fs::absolute(options.store).parent_path()));
  TRY(write_file_atomically(options.store, as_bytes(text)));
  TRY(flush_output());
  return exit_good;
}

Result<int> run_sign(const StoreSignOptions& options) {
  TRY_ASSIGN(store::Store store, store::load(options.store));
  TRY_ASSIGN(const SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  size_t count = 0;
  for (store::Entry& entry : store.entries) {
    if (!entry.signature.empty() && !options.all) continue;
    TRY_ASSIGN(entry.signature, key.signer.sign_detached(evidence::signed_message(entry.digest),
                                                         evidence::signature_hash(entry.digest)));
    std::printf("signed %s %s\n", fsverity::to_string(entry.digest).c_str(), printable(entry.path).c_str());
    ++count;
  }
  if (count > 0) TRY(write_file_atomically(options.store, as_bytes(store::to_text(store))));
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
    std::string digest = fsverity::to_string(entry.digest), signer = signer_of(entry);
    if (options.json)
      entries.push_back({{"path", entry.path}, {"digest", digest}, {"signer", signer.empty() ? Json() : Json(signer)}});
    else
      std::printf("%s %s %s\n", digest.c_str(), printable(entry.path).c_str(),
                  signer.empty() ? "unsigned" : printable(signer).c_str());
  }
  if (options.json) print_json_list("store list", "signatures", std::move(entries));
  TRY(flush_output());
  return exit_good;
}

void add_store_argument(CLI::App& app, fs::path& store) {
  app.add_option("--store", store, "the package's store: PACKAGE.json")->type_name("FILE")->required();
}

template <class Options>
void set_run(CLI::App& app, int& status, std::shared_ptr<Options> options, Result<int> (*run)(const Options&)) {
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
  app.add_flag("--all", options->all, "sign anew what is signed already");
  set_run(app, status, options, run_sign);
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
  setup_list(*app.add_subcommand("list", "show what a store lists"), status);
}

}  // namespace bpfgate::cli
