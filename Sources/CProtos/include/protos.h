// Made by tools/generate from proto/. Not to be edited by hand.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "baud/v1/run.pb-c.h"
#include "baud/v1/thread.pb-c.h"
#include "baud/v1/event.pb-c.h"
#include "baud/v1/system.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

static inline const ProtobufCMessageDescriptor *baud__v1__run__descriptor_pointer(void) {
    return &baud__v1__run__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__webhook__descriptor_pointer(void) {
    return &baud__v1__webhook__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__question__descriptor_pointer(void) {
    return &baud__v1__question__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__usage__descriptor_pointer(void) {
    return &baud__v1__usage__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__failure__descriptor_pointer(void) {
    return &baud__v1__failure__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__execute_run_request__descriptor_pointer(void) {
    return &baud__v1__execute_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__get_run_request__descriptor_pointer(void) {
    return &baud__v1__get_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_runs_request__descriptor_pointer(void) {
    return &baud__v1__list_runs_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_runs_response__descriptor_pointer(void) {
    return &baud__v1__list_runs_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__cancel_run_request__descriptor_pointer(void) {
    return &baud__v1__cancel_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__wait_run_request__descriptor_pointer(void) {
    return &baud__v1__wait_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__retry_run_request__descriptor_pointer(void) {
    return &baud__v1__retry_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__answer_run_request__descriptor_pointer(void) {
    return &baud__v1__answer_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__schedule_run_request__descriptor_pointer(void) {
    return &baud__v1__schedule_run_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__schedule__descriptor_pointer(void) {
    return &baud__v1__schedule__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_schedules_request__descriptor_pointer(void) {
    return &baud__v1__list_schedules_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_schedules_response__descriptor_pointer(void) {
    return &baud__v1__list_schedules_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__delete_schedule_request__descriptor_pointer(void) {
    return &baud__v1__delete_schedule_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__delete_schedule_response__descriptor_pointer(void) {
    return &baud__v1__delete_schedule_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__dead_letter__descriptor_pointer(void) {
    return &baud__v1__dead_letter__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_dead_letters_request__descriptor_pointer(void) {
    return &baud__v1__list_dead_letters_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_dead_letters_response__descriptor_pointer(void) {
    return &baud__v1__list_dead_letters_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__requeue_dead_letter_request__descriptor_pointer(void) {
    return &baud__v1__requeue_dead_letter_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__purge_dead_letters_request__descriptor_pointer(void) {
    return &baud__v1__purge_dead_letters_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__purge_dead_letters_response__descriptor_pointer(void) {
    return &baud__v1__purge_dead_letters_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__get_stats_request__descriptor_pointer(void) {
    return &baud__v1__get_stats_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__stats__descriptor_pointer(void) {
    return &baud__v1__stats__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__thread__descriptor_pointer(void) {
    return &baud__v1__thread__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__thread_origin__descriptor_pointer(void) {
    return &baud__v1__thread_origin__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__initiate_thread_request__descriptor_pointer(void) {
    return &baud__v1__initiate_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__get_thread_request__descriptor_pointer(void) {
    return &baud__v1__get_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_threads_request__descriptor_pointer(void) {
    return &baud__v1__list_threads_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__list_threads_response__descriptor_pointer(void) {
    return &baud__v1__list_threads_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__delete_thread_request__descriptor_pointer(void) {
    return &baud__v1__delete_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__delete_thread_response__descriptor_pointer(void) {
    return &baud__v1__delete_thread_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__update_thread_request__descriptor_pointer(void) {
    return &baud__v1__update_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__fork_thread_request__descriptor_pointer(void) {
    return &baud__v1__fork_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__get_thread_snapshot_request__descriptor_pointer(void) {
    return &baud__v1__get_thread_snapshot_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__thread_snapshot__descriptor_pointer(void) {
    return &baud__v1__thread_snapshot__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__event__descriptor_pointer(void) {
    return &baud__v1__event__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__waiting__descriptor_pointer(void) {
    return &baud__v1__waiting__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__stream_gap__descriptor_pointer(void) {
    return &baud__v1__stream_gap__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__agent_progress__descriptor_pointer(void) {
    return &baud__v1__agent_progress__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__text_delta__descriptor_pointer(void) {
    return &baud__v1__text_delta__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__step__descriptor_pointer(void) {
    return &baud__v1__step__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__tool_call__descriptor_pointer(void) {
    return &baud__v1__tool_call__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__tool_output__descriptor_pointer(void) {
    return &baud__v1__tool_output__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__tool_result__descriptor_pointer(void) {
    return &baud__v1__tool_result__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__message_completed__descriptor_pointer(void) {
    return &baud__v1__message_completed__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__bash_ran__descriptor_pointer(void) {
    return &baud__v1__bash_ran__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__file_edited__descriptor_pointer(void) {
    return &baud__v1__file_edited__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__files_created__descriptor_pointer(void) {
    return &baud__v1__files_created__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__todo_list__descriptor_pointer(void) {
    return &baud__v1__todo_list__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__todo__descriptor_pointer(void) {
    return &baud__v1__todo__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__job_plan__descriptor_pointer(void) {
    return &baud__v1__job_plan__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__job_step__descriptor_pointer(void) {
    return &baud__v1__job_step__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__next_steps__descriptor_pointer(void) {
    return &baud__v1__next_steps__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__run_update__descriptor_pointer(void) {
    return &baud__v1__run_update__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__stream_thread_request__descriptor_pointer(void) {
    return &baud__v1__stream_thread_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__stream_flow_request__descriptor_pointer(void) {
    return &baud__v1__stream_flow_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__flow_event__descriptor_pointer(void) {
    return &baud__v1__flow_event__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__get_health_request__descriptor_pointer(void) {
    return &baud__v1__get_health_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *baud__v1__health__descriptor_pointer(void) {
    return &baud__v1__health__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__health__v1__health_check_request__descriptor_pointer(void) {
    return &grpc__health__v1__health_check_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__health__v1__health_check_response__descriptor_pointer(void) {
    return &grpc__health__v1__health_check_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__health__v1__health_list_request__descriptor_pointer(void) {
    return &grpc__health__v1__health_list_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__health__v1__health_list_response__descriptor_pointer(void) {
    return &grpc__health__v1__health_list_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__server_reflection_request__descriptor_pointer(void) {
    return &grpc__reflection__v1__server_reflection_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__extension_request__descriptor_pointer(void) {
    return &grpc__reflection__v1__extension_request__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__server_reflection_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__server_reflection_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__file_descriptor_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__file_descriptor_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__extension_number_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__extension_number_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__list_service_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__list_service_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__service_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__service_response__descriptor;
}

static inline const ProtobufCMessageDescriptor *grpc__reflection__v1__error_response__descriptor_pointer(void) {
    return &grpc__reflection__v1__error_response__descriptor;
}

/// The contract as a serialized google.protobuf.FileDescriptorSet, for server reflection.
extern const uint8_t baud_descriptor_set[];
extern const size_t baud_descriptor_set_size;

static inline const uint8_t *descriptor_set_bytes(void) {
    return baud_descriptor_set;
}

static inline size_t descriptor_set_length(void) {
    return baud_descriptor_set_size;
}
