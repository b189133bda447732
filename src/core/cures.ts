import { ALL } from "./facts.ts";
import { matchLabels } from "./labels.ts";
import type { Blocked } from "./pools.ts";
import type { Story } from "./story.ts";
import type { Catalogue, Job } from "./types.ts";

/** What a person can do about a job that does not run, in sentences. Nothing: it only has to wait, or the reason says it already. */
export function curesFor(job: Job, story: Story, catalogue: Catalogue): string[] {
  switch (story.is) {
    case "unserved":
      return cureOfLabels(job, catalogue);
    case "waiting":
      return story.blocked ? [cureOf(story.blocked)] : [];
    case "given-up":
      return [
        `Once the cause is mended press Retry on its check run (or: mayfly retry ${job.id}), and it is tried from the beginning.`,
      ];
    case "held":
      return ["The page of its run at GitHub says which; whoever may approve it does so there."];
    case "unapproved":
      return [
        `Look at what it changes, workflows too; then press Approve on its check run (or: mayfly approve ${job.id}).`,
      ];
    case "no-access":
      return ["Install the App there again; the job is then taken up."];
    default:
      return [];
  }
}

/** NB: a job keeps the labels that it was queued with, whatever becomes of its workflow. */
function cureOfLabels(job: Job, catalogue: Catalogue): string[] {
  const match = matchLabels(job.labels, job.repo, catalogue);
  if (match.image || match.why === "not-served") return [];
  return [
    "If the job is meant for Mayfly: correct runs-on in its workflow, cancel this run and start another (a job keeps the labels that it was queued with); or give an image the label, in mayfly.yml or in the repository's settings. mayfly check --runs-on says where a line leads.",
  ];
}

function cureOf(blocked: Blocked): string {
  switch (blocked.why) {
    case "hosts-full":
      return "It gets the next machine for which there is room; mayfly ps shows what is there. More room: machines, cpus and memory of the hosts in mayfly.yml, and on a cloud the project's quota.";
    case "hosts-refuse":
      return "Nothing has to be done: it is tried again by itself, and costs the job no try. If it lasts: mayfly check says what the quota has left.";
    case "image-refused":
      return "An operator has to mend it: the words in brackets say what, and mayfly check says all of it. It is tried again by itself, and costs the job no try.";
    case "image-ended":
      return "An operator has to build it anew (openstack/README.md); mayfly images says when each ends.";
    case "hosts-drained":
      return `Somebody took ${blocked.hosts.length === 1 ? "the host" : "the hosts"} out of service. Put it back: mayfly drain ${blocked.hosts[0]} --off`;
    case "hosts-unreachable":
      return "mayfly check says what is missing there; Mayfly asks again by itself.";
    case "image-limit":
      if (blocked.limit === 1)
        return "One VM of this image runs at a time, as for a licence with one seat (mac, or machines: 1, in mayfly.yml). The job gets it as soon as that one has ended.";
      return "It gets a machine as soon as one of this image has ended. The limit is machines of the image in mayfly.yml.";
    case "repository-limit":
      return "It gets a machine as soon as one of this repository has ended. The limit is machines of the repository in mayfly.yml, or fewer by its settings.";
    case "paused":
      return blocked.by === "settings"
        ? "An admin of the repository paused it, and resumes it in its settings."
        : `An operator paused it, and resumes it on the status page, or with: mayfly resume${blocked.repo === ALL ? "" : ` ${blocked.repo}`}`;
    case "probe":
    case "backoff":
      return "mayfly ps shows machines that failed, and mayfly logs MACHINE what they said. Nothing else has to be done: it is tried again.";
  }
}
