import { z } from "zod";
import type { CheckRun } from "../core/report.ts";
import type { JobSeen } from "../core/types.ts";
import type { GitHub } from "../ports.ts";
import { allPages, ask, type Client, type InRepo } from "./client.ts";
import type { Urgency } from "./routes.ts";

/**
 * Of a summary or a text. NB: GitHub's docs say characters, but GitHub counts bytes too.
 * See: github.com/github/docs/issues/35252.
 */
const LARGEST_TEXT = 65_535;
const CUT = "\n\n… (cut: GitHub takes no more)";
const FENCE = "\n```";

const checkAnswer = z.object({ id: z.int() }).transform(({ id }) => id);
const checkPage = z
  .object({ check_runs: z.array(z.object({ id: z.int(), external_id: z.string().nullish() })) })
  .transform(({ check_runs }) => check_runs);

/** The check runs part of the port. `publicUrl`: where the pages are that check runs lead to; without them they lead to the job at GitHub. */
export function checkVerbs(client: Client, publicUrl: string | undefined): Pick<GitHub, "publish"> {
  return {
    publish(job, content, check, signal) {
      client.learn(job.repo, job.installation);
      return client.inRepo(job.repo, signal, async ({ at, ...rest }) => {
        const urgency = urgencyOf(content, check);
        const place = { ...rest, at: { ...at, request: { ...at.request, urgency } } };
        const known = check === "find" ? await find(place, job, content.name) : check;
        const details = publicUrl === undefined ? job.url : `${publicUrl}/jobs/${job.id}`;
        const body = { ...bodyOf(content), ...(details !== "" && { details_url: details }) };
        const updated = known === "new" ? "gone" : await update(place, body, known);
        return updated === "gone" ? create(place, job, body) : updated;
      });
    },
  };
}

/** NB: `worthOf` in core/report.ts is the same order, for those that are not on their way yet. */
function urgencyOf({ status, conclusion }: CheckRun, check: number | "new" | "find"): Urgency {
  if (status === "queued") return "announce";
  if (status === "in_progress") return "report";
  const mustBeSeen = conclusion === "failure" || conclusion === "action_required";
  return typeof check === "number" || mustBeSeen ? "conclude" : "note";
}

function update({ rest, at }: InRepo, body: Body, check: number): Promise<number | "gone"> {
  return ask({
    send: () => rest.checks.update({ ...at, check_run_id: check, ...body }),
    shape: checkAnswer,
    expect: { 404: "gone" },
  } as const);
}

function create({ rest, at }: InRepo, job: JobSeen, body: Body): Promise<number> {
  const what = { head_sha: job.headSha, external_id: String(job.id), ...body };
  return ask({ send: () => rest.checks.create({ ...at, ...what }), shape: checkAnswer });
}

/** NB: a matrix may have jobs of one name on one commit, so the name alone does not tell. */
async function find({ rest, at }: InRepo, job: JobSeen, name: string): Promise<number | "new"> {
  const checks = await allPages((page) =>
    ask({
      send: () =>
        rest.checks.listForRef({ ...at, ref: job.headSha, check_name: name, filter: "all", ...page }),
      shape: checkPage,
    }),
  );
  return checks.find(({ external_id }) => external_id === String(job.id))?.id ?? "new";
}

type Body = ReturnType<typeof bodyOf> & { details_url?: string };

function bodyOf(content: CheckRun) {
  const { name, status, conclusion = "neutral", startedAt, completedAt, title, summary, text } = content;
  return {
    name,
    // NB: buttons that are not sent stay. See: docs.github.com, REST, "Update a check run".
    actions: [...content.actions],
    output: { title, summary: shorten(summary), ...(text === undefined ? {} : { text: shorten(text) }) },
    ...(startedAt === undefined ? {} : { started_at: iso(startedAt) }),
    // NB: GitHub takes a conclusion, or an end, for "completed", whatever the status says.
    ...(status === "completed"
      ? { status, conclusion, ...(completedAt === undefined ? {} : { completed_at: iso(completedAt) }) }
      : { status }),
  };
}

const iso = (time: number): string => new Date(time).toISOString();

/** Cuts a Markdown text to what GitHub takes: never within a character, and with an open code block closed again. */
export function shorten(text: string): string {
  if (Buffer.byteLength(text) <= LARGEST_TEXT) return text;
  const room = LARGEST_TEXT - Buffer.byteLength(FENCE + CUT);
  // NB: in stream mode the decoder keeps back the bytes of a character that was cut through.
  const head = new TextDecoder().decode(Buffer.from(text).subarray(0, room), { stream: true });
  const fences = head.match(/^```/gm)?.length ?? 0;
  return head + (fences % 2 === 1 ? FENCE : "") + CUT;
}
