/// libcurl for the Curl room: Swift cannot call variadic C functions, so each kind of option has a typed shim here.
#ifndef BAUD_CCURL_H
#define BAUD_CCURL_H

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

typedef size_t (*baud_curl_data_callback)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode baud_curl_set_long(CURL *easy, CURLoption option, long value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_callback(CURL *easy, CURLoption option, baud_curl_data_callback value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode baud_curl_set_opensocket_callback(CURL *easy, curl_opensocket_callback value) {
    return (curl_easy_setopt)(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

static inline CURLcode baud_curl_get_response_code(CURL *easy, long *value) {
    return (curl_easy_getinfo)(easy, CURLINFO_RESPONSE_CODE, value);
}

static inline CURLcode baud_curl_get_private(CURL *easy, void **value) {
    return (curl_easy_getinfo)(easy, CURLINFO_PRIVATE, value);
}

static inline CURLMcode baud_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return (curl_multi_setopt)(multi, option, value);
}

static inline CURLMcode baud_curl_multi_set_pointer(CURLM *multi, CURLMoption option, void *value) {
    return (curl_multi_setopt)(multi, option, value);
}

static inline CURLMcode baud_curl_multi_set_socket_callback(CURLM *multi, curl_socket_callback value) {
    return (curl_multi_setopt)(multi, CURLMOPT_SOCKETFUNCTION, value);
}

static inline CURLMcode baud_curl_multi_set_timer_callback(CURLM *multi, curl_multi_timer_callback value) {
    return (curl_multi_setopt)(multi, CURLMOPT_TIMERFUNCTION, value);
}

/// The result of a finished transfer, out of the union in `CURLMsg`.
static inline CURLcode baud_curl_message_result(const CURLMsg *message) { return message->data.result; }

enum {
    BAUD_CURL_PAUSE_WRITE = CURL_WRITEFUNC_PAUSE,
    BAUD_CURL_CONTINUE = CURLPAUSE_CONT,
};

#endif
