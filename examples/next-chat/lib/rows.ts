/** What `/api/chats` says of a chat: its tags, and the session's title as the server has it. */
export interface ChatRow {
  readonly id: string;
  readonly tags: readonly string[];
  /** Empty while the server is not reached. */
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly updated: number;
}
