// audit_lines.node: what is done for every line of the audit log. seal (seal.cc) for the writer; openRequest, setRun, writeRequest (request.cc) for gateway threads.
#include "../sha256.h"
#include "lines.h"

namespace {

// Raised with every change of a verb's arguments or answer; src/audit/native-lines.ts holds the same number.
constexpr uint32_t kContract = 1;

}  // namespace

NAPI_MODULE_INIT() {
  using namespace precinct;
  if (!has_sha256()) return exports;  // a Node that keeps its SHA-256 to itself: without a contract nobody takes this addon, and the twins work
  const bool registered = set_function(env, exports, "seal", seal) && set_function(env, exports, "openRequest", open_request) &&
                          set_function(env, exports, "setRun", set_run) && set_function(env, exports, "writeRequest", write_request) &&
                          set_uint32(env, exports, "contract", kContract);
  return registered ? exports : throw_error(env, "ERR_NATIVE_INIT", "the audit lines can't be registered");
}
