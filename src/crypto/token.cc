// SPDX-License-Identifier: MIT
#include "crypto/token.h"

#include <openssl/conf.h>

#include <cstdlib>
#include <mutex>

#include "crypto/passphrase.h"

namespace bpfgate::crypto {
namespace {

constexpr const char* provider_remedy =
    "install pkcs11-provider and name the token's module in openssl.cnf (pkcs11-module-path) or in "
    "PKCS11_PROVIDER_MODULE; see bpfgate-sign(1)";

// When a PassphraseSource has nothing to say, the provider asks by itself: on the terminal, or else on standard input,
// which may be the list of files to sign. With this as OpenSSL's default method it cannot.
Result<> forbid_prompts() {
  static UI_METHOD* refusing = UI_create_method("bpfgate: ask nobody");
  if (refusing == nullptr) return key_failure("cannot make an OpenSSL user interface");
  UI_method_set_opener(refusing, [](UI*) { return 0; });
  UI_set_default_method(refusing);
  return {};
}

// The configuration names the module and its quirks. Loading a provider by hand switches the implicit default one off.
Result<LibraryContextPtr> make_context() {
  TRY(forbid_prompts());
  LibraryContextPtr context(OSSL_LIB_CTX_new());
  if (!context) return key_failure("cannot make an OpenSSL library context");
  if (char* path = CONF_get1_default_config_file()) {
    OSSL_LIB_CTX_load_config(context.get(), path);  // absent is fine: the defaults may do
    OPENSSL_free(path);
  }
  if (OSSL_PROVIDER_load(context.get(), "default") == nullptr)
    return key_failure("OpenSSL's default provider does not load");
  drain_errors();
  if (OSSL_PROVIDER_load(context.get(), "pkcs11") == nullptr)
    return key_failure("OpenSSL's pkcs11 provider does not load", provider_remedy);
  return context;
}

Result<StorePtr> open_store(const std::string& uri, int expected, UI_METHOD* ui, void* ui_data) {
  TRY_ASSIGN(OSSL_LIB_CTX * context, token_context());
  StorePtr store(OSSL_STORE_open_ex(uri.c_str(), context, "?provider=pkcs11", ui, ui_data, nullptr, nullptr, nullptr));
  if (!store) return key_failure(uri + ": the token does not open", provider_remedy);
  if (OSSL_STORE_expect(store.get(), expected) != 1) return key_failure(uri);
  return store;
}

// The only object of `kind` in the store. Two would make it chance which one signs.
Result<StoreInfoPtr> load_only(OSSL_STORE_CTX* store, int kind, const std::string& uri, const char* what) {
  StoreInfoPtr found;
  while (OSSL_STORE_eof(store) == 0) {
    StoreInfoPtr info(OSSL_STORE_load(store));
    if (!info || OSSL_STORE_INFO_get_type(info.get()) != kind) continue;
    if (found)
      return fail(ErrorKind::Key, uri + ": names more than one " + what, "add object= or id= and type= to the URI");
    found = std::move(info);
  }
  if (!found) return key_failure(uri + ": no " + what + " found");
  drain_errors();
  return found;
}

}  // namespace

Result<OSSL_LIB_CTX*> token_context() {
  static std::mutex mutex;
  static OSSL_LIB_CTX* context = nullptr;
  std::lock_guard lock(mutex);
  if (context == nullptr) {
    TRY_ASSIGN(LibraryContextPtr made, make_context());
    context = made.release();
  }
  return context;
}

Result<KeyPtr> load_token_key(const std::string& uri, const PassphraseSource& passphrase) {
  PassphrasePrompt prompt(passphrase);
  UiMethodPtr ui(UI_UTIL_wrap_read_pem_callback(PassphrasePrompt::answer, 0));
  if (!ui) return key_failure(uri);
  TRY_ASSIGN(StorePtr store, open_store(uri, OSSL_STORE_INFO_PKEY, ui.get(), &prompt));
  auto info = load_only(store.get(), OSSL_STORE_INFO_PKEY, uri, "private key");
  if (prompt.error()) return std::unexpected(Error(*prompt.error()).within(uri));
  if (!info) {
    Error error = std::move(info).error();
    // The provider does not tell a wrong PIN from a key that is not there.
    if (error.remedy.empty() && prompt.was_asked())
      error.remedy = "check the PIN, which is tried once only, and that the URI names a key";
    else if (error.remedy.empty())
      error.remedy = "no token that is present has such a key; see what there is with openssl storeutl pkcs11:";
    return std::unexpected(std::move(error));
  }
  return KeyPtr(OSSL_STORE_INFO_get1_PKEY(info->get()));
}

Result<Bytes> load_token_certificate(const std::string& uri) {
  TRY_ASSIGN(StorePtr store, open_store(uri, OSSL_STORE_INFO_CERT, nullptr, nullptr));
  TRY_ASSIGN(StoreInfoPtr info, load_only(store.get(), OSSL_STORE_INFO_CERT, uri, "certificate"));
  unsigned char* encoded = nullptr;
  int size = i2d_X509(OSSL_STORE_INFO_get0_CERT(info.get()), &encoded);
  if (size <= 0) return key_failure(uri + ": certificate cannot be read");
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

}  // namespace bpfgate::crypto
