/** What a check run says. `digest` changes when, and only when, it is worth a write at GitHub. */
export type CheckRun = {
  digest: string;
  name: string;
  status: "queued" | "in_progress" | "completed";
  conclusion?: "success" | "failure" | "neutral" | "cancelled" | undefined;
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  title: string;
  /** Markdown, at most 65,535 characters. */
  summary: string;
  /** Markdown, at most 65,535 characters. */
  text?: string | undefined;
};
