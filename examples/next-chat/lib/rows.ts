/** What `/api/chats` says of a chat: its tags; and of those that were searched for, the session as the server has it. */
export interface ChatRow {
  readonly id: string;
  readonly tags: readonly string[];
  /** Empty where it was not asked for, and while the server is not reached. */
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly updated: number;
}
