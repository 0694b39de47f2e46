// A request's line, put together where it is sent from: openRequest(): External; setRun(writer, index, text) for what neighbouring lines share;
// writeRequest(writer, ring: Uint8Array, at, room, ids, numbers: Float64Array): bytes, or -1 where the twin has to make the line. As src/audit/request-lines.ts has it.
#include <cmath>
#include <new>
#include <string>

#include "lines.h"
#include "pen.h"

namespace precinct {
namespace {

constexpr size_t kLayers = 13;

// src/audit/request-lines.ts: the runs, and the numbers.
enum Runs { kSecond, kWho, kDecision, kOutcome, kRules, kBefore, kAfter = kBefore + kLayers, kRunCount = kAfter + kLayers };
enum Numbers { kReceived, kDecided, kResponded, kLatency, kLayerUs, kNumberCount = kLayerUs + kLayers };

constexpr size_t kDecisionIdChars = 36;
constexpr size_t kTraceIdChars = 32;
constexpr size_t kSpanIdChars = 16;
constexpr size_t kIdsChars = kDecisionIdChars + kTraceIdChars + kSpanIdChars;
constexpr size_t kIdsMax = kIdsChars + 128;
constexpr double kUsMin = 1e15;  // sixteen digits: 2001 to 2286
constexpr double kUsMax = 1e16;
constexpr double kTenthsMax = 1e12;
constexpr size_t kNumbersRoom = 512;  // more than all that is not in runs: 134 bytes of names, 6 digits, 4 times 16, 13 times 14

struct RequestWriter {
  std::string runs[kRunCount];
  size_t length = 0;  // of all runs
};

void delete_writer(napi_env, void* data, void*) { delete static_cast<RequestWriter*>(data); }

bool is_usual_time(double us) { return us >= kUsMin && us < kUsMax && std::floor(us) == us; }

// As quoteToken has it: what needs no care within quotes.
bool is_token(const char* text, size_t length) {
  for (size_t at = 0; at < length; ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte < 0x2d || byte > 0x7a || byte == 0x5c) return false;
  }
  return true;
}

bool read_writer(napi_env env, napi_value value, RequestWriter** out) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || data == nullptr) return false;
  *out = static_cast<RequestWriter*>(data);
  return true;
}

napi_value number(napi_env env, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

size_t write_line(const RequestWriter& writer, const char* ids, size_t ids_length, const double* numbers, const uint64_t* tenths, uint8_t* to) {
  Pen pen(to);
  const auto& runs = writer.runs;
  const auto responded = static_cast<uint64_t>(numbers[kResponded]);
  pen.write("{\"type\":\"request\",\"timestamp\":\"");
  pen.write(runs[kSecond]);
  pen.write_micros(static_cast<uint32_t>(responded % 1000000));
  pen.write("Z\",\"timestamps\":{\"received\":");
  pen.write_number(static_cast<uint64_t>(numbers[kReceived]));
  pen.write(",\"decided\":");
  pen.write_number(static_cast<uint64_t>(numbers[kDecided]));
  pen.write(",\"responded\":");
  pen.write_number(responded);
  pen.write("},\"decision_id\":\"");
  pen.write(ids, kDecisionIdChars);
  pen.write("\",\"trace_id\":\"");
  pen.write(ids + kDecisionIdChars, kTraceIdChars);
  pen.write("\",\"span_id\":\"");
  pen.write(ids + kDecisionIdChars + kTraceIdChars, kSpanIdChars);
  pen.put('"');
  pen.write(runs[kWho]);
  if (ids_length == kIdsChars) {
    pen.write("null");
  } else {
    pen.put('"');
    pen.write(ids + kIdsChars, ids_length - kIdsChars);
    pen.put('"');
  }
  pen.write(runs[kDecision]);
  for (size_t layer = 0; layer < kLayers; ++layer) {
    pen.write(runs[kBefore + layer]);
    pen.write_number(tenths[layer] / 10);
    if (tenths[layer] % 10 != 0) {
      pen.put('.');
      pen.put(static_cast<char>('0' + tenths[layer] % 10));
    }
    pen.write(runs[kAfter + layer]);
  }
  pen.write(runs[kOutcome]);
  pen.write_number(static_cast<uint64_t>(numbers[kLatency]));
  pen.write(runs[kRules]);
  return static_cast<size_t>(pen.at() - to);
}

}  // namespace

napi_value open_request(napi_env env, napi_callback_info) {
  auto* const writer = new (std::nothrow) RequestWriter();
  if (writer == nullptr) return throw_error(env, "ERR_NATIVE_MEMORY", "no memory");
  napi_value external;
  if (napi_create_external(env, writer, delete_writer, nullptr, &external) == napi_ok) return external;
  delete writer;
  return nullptr;
}

napi_value set_run(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  RequestWriter* writer = nullptr;
  uint32_t index = 0;
  size_t length = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3) return throw_type_error(env, "setRun takes 3 arguments");
  if (!read_writer(env, arguments[0], &writer)) return throw_type_error(env, "writer must come from openRequest");
  if (!read_uint32(env, arguments[1], &index) || index >= kRunCount) return throw_range_error(env, "index must be that of a run");
  if (napi_get_value_string_utf8(env, arguments[2], nullptr, 0, &length) != napi_ok) return throw_type_error(env, "text must be a string");
  try {
    std::string text(length + 1, '\0');
    if (napi_get_value_string_utf8(env, arguments[2], &text[0], length + 1, &length) != napi_ok) return throw_type_error(env, "text must be a string");
    text.resize(length);
    writer->length += length - writer->runs[index].size();
    writer->runs[index] = std::move(text);
  } catch (const std::bad_alloc&) {
    return throw_error(env, "ERR_NATIVE_MEMORY", "no memory");
  }
  return nullptr;
}

napi_value write_request(napi_env env, napi_callback_info info) {
  size_t count = 6;
  napi_value arguments[6];
  RequestWriter* writer = nullptr;
  void *ring_data = nullptr, *numbers_data = nullptr;
  size_t ring_length = 0, numbers_length = 0, ids_length = 0;
  uint32_t at = 0, room = 0;
  char ids[kIdsMax + 2];
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 6) return throw_type_error(env, "writeRequest takes 6 arguments");
  if (!read_writer(env, arguments[0], &writer)) return throw_type_error(env, "writer must come from openRequest");
  if (!read_typed_array(env, arguments[1], napi_uint8_array, &ring_data, &ring_length)) return throw_type_error(env, "ring must be a Uint8Array");
  if (!read_uint32(env, arguments[2], &at) || !read_uint32(env, arguments[3], &room) || at > ring_length || room > ring_length - at) return throw_range_error(env, "at and room must lie within the ring");
  if (napi_get_value_string_utf8(env, arguments[4], ids, sizeof ids, &ids_length) != napi_ok) return throw_type_error(env, "ids must be a string");
  if (!read_typed_array(env, arguments[5], napi_float64_array, &numbers_data, &numbers_length) || numbers_length < kNumberCount) return throw_type_error(env, "numbers must be a Float64Array of 17");
  if (ids_length < kIdsChars || ids_length > kIdsMax || !is_token(ids, ids_length)) return number(env, -1);
  const auto* const numbers = static_cast<const double*>(numbers_data);
  if (!is_usual_time(numbers[kReceived]) || !is_usual_time(numbers[kDecided]) || !is_usual_time(numbers[kResponded])) return number(env, -1);
  const double latency = numbers[kLatency];
  if (!(latency >= 0 && latency < kUsMax) || std::floor(latency) != latency) return number(env, -1);
  uint64_t tenths[kLayers];
  for (size_t layer = 0; layer < kLayers; ++layer) {
    const double rounded = numbers[kLayerUs + layer] * 10 + 0.5;
    if (!(rounded >= 0 && rounded < kTenthsMax)) return number(env, -1);
    tenths[layer] = static_cast<uint64_t>(rounded);
  }
  if (writer->length + ids_length + kNumbersRoom > room) return number(env, -1);
  return number(env, static_cast<int32_t>(write_line(*writer, ids, ids_length, numbers, tenths, static_cast<uint8_t*>(ring_data) + at)));
}

}  // namespace precinct
