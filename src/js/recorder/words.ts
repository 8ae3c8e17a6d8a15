/**
 * The words of the protocol: names of fields, and what they say of kinds, states and errors. They tell nothing of whoever was recorded, and the
 * core goes by them; each other name is a name of the user's own. A test compares them with the core.
 * @module
 */
const WORDS = new Set((
  'abort aborted action activated additions admitted after agent agents aggregateID all allow alone always another answer answers APIError ' +
  'append application apply_patch Apr archived ask asked assistant assistantMessageID at attachments attempt audio Aug auth auth_failed auto ' +
  'background bad_event bad_prompt bad_request bad_response BadRequest baseUrl bash basic bearer before boolean branch buffered bufferedEvents ' +
  'bug build busy cache called callID calls cancelled character children cleared closed code command committed compaction completed config ' +
  'connected connecting connection content content-filter context ContextOverflowError continuity cost count created css csv cursor ' +
  'cursor_hidden custom cwd data day debug Dec decision default DELETE deleted deletions delivered delivery delta deny desc description ' +
  'diagnostics dialect diff diffs direction directory display disposed done doom_loop dos draft dropped durable edit enabled end end_turn ended ' +
  'enqueued error event event_too_large eventsource executed execution exists exit explore external_directory failed fallback false Feb fetch ' +
  'field fields file filename filePath filepath files finish forbidden fork forked form gap gapped GET gif glob global grep hash hasMore ' +
  'hasOlder header health healthy heartbeat held_back hidden hint hole hour html html_response id identity idle ignored image inbox inboxID ' +
  'incomplete index indexeddb info init input inputID instance instructions integer interrupt interrupted invalid isDefault isRetryable item ' +
  'Jan javascript journal journal_dropped jpeg json Jul Jun keeper keeper_failed keeper_refused kept key label length level limit limit_reached ' +
  'limits line list live loaded loading location lost lsp Mar markdown matches max May memory message MessageAbortedError messageID ' +
  'MessageOutputLengthError messages metadata mime min minute mode model modelID models moved ms multiedit multiple multiselect mute name ' +
  'NamedError near new newString next No no_route noReply not_found not_stored NotFoundError Nov ns null number numCalls Oct octet off offline ' +
  'offset old oldString once onLog opened options order ordinal other outbox output outputPaths own page parentID part partID parts password ' +
  'PATCH patch path pattern patterns payload pdf pending permission permissionID permissions phase plain plan png policy poll polling POST ' +
  'posted preview previous primary priority progress project projectID promoted prompt prompt_again prompt_async prompt_unclear prompted ' +
  'prompts properties provider ProviderAuthError providerID ProviderModelNotFoundError providerName providers question questions queued ran ' +
  'range rate_limited ratelimit ratelimitbysize raw read reason reasoning reasoningID record redirected ref reject rejected relay remaining ' +
  'rememberedIds removed renamed replaceAll replay replied reply requestID requests requestTimeout reset resetAfter resources response ' +
  'responseBody responseHeaders resume retried retry retryable retryAt revert role root roots running save scheduled search second secret ' +
  'selected sending sent Sep seq server server_error ServiceUnavailableError ses session session_not_found sessionID sessionId ' +
  'SessionNotFoundError sessions settled severity share shell shellID should silent skill slug snapshot soon source staged stale start started ' +
  'state status statusCode step stop stored stream stream_ended streamed streaming structured StructuredOutputError subagent subagent_type ' +
  'subtask succeeded success summarize summary svg switched sync syncEvent syncing synthetic system tail taken task text textID texts time ' +
  'timeCreated timeout timestamp title to todo todoread todos todowrite token tokenlimit tokens tool tool-calls total transport true truncated ' +
  'turn_failed type unauthorized unknown unknown_agent unknown_command unknown_model UnknownError unnamed unreachable unrevert unsupported ' +
  'updated uri url us usage user username v1 v2 value variant vcs version video waiting warn wasm webfetch webp websearch workdir works ' +
  'worktree write wrong_content_type xml Yes '
).split(' '));

/** Whether a name is one of the protocol: a word of it, or several with dots or dashes between. */
export function isWord(name: string): boolean {
  // One letter tells nothing.
  return name.length < 2 || WORDS.has(name) || (name.length < 80 && name.split(/[-./+]/).every((piece) => WORDS.has(piece) || /^\d{1,2}$/.test(piece)));
}
