import type { CloudImage, CloudPlace } from "./clouds.ts";
import type { MacPlace, OrchardPlace, TartImage } from "./macs.ts";
import type { Architecture, Os } from "./systems.ts";

/**
 * The nouns. Everything here is plain data. Times are epoch milliseconds and end in `At`, durations end in `Ms`.
 * One word per thing: see the table of words in src/README.md.
 */

/** `owner/name`, as GitHub spells it. */
export type RepoName = string;
/** Ours: the name of the row, of the VM and of the runner. See name.ts. */
export type MachineName = string;

/** What a host's driver says of a VM. `unknown`: the host could not be asked, or used a word we do not know. */
export type VmState = "none" | "building" | "up" | "off" | "broken" | "unknown";
/** What GitHub says of a runner. `unknown`: GitHub could not be asked, or was asked too long ago. */
export type RunnerState = "none" | "offline" | "idle" | "busy" | "unknown";
/**
 * What we know of the guest program, from its own calls.
 * `silent` has never called · `asking` has a claim open right now · `quiet` asked before and has no claim open ·
 * `configured` was given its registration · `working` runs a job · `ended` its runner has ended ·
 * `unknown` the machine was adopted, its past is lost.
 */
export type GuestState = "silent" | "asking" | "quiet" | "configured" | "working" | "ended" | "unknown";

/** Why a machine was retired. */
export type Why =
  | "finished" // its runner ended after a job, or GitHub says that its job is done
  | "surplus" // no job needs it any more
  | "stranger" // it bears our name, but has no row
  | "operator" // a person asked
  | "drained" // its host is being emptied, and it had no work yet
  | "uninstalled" // its repository has removed or suspended the App, and it had no work yet
  | "fork" // GitHub gave it a fork's job that may not run here
  | "no-room" // its host had no room for it after all
  | "lost" // ordered, and never seen
  | "boot-failed" // the driver could not make the VM
  | "boot-timeout" // the guest has not called in time
  | "vm-died" // the VM is off or gone, and no job's end is known
  | "guest-lost" // the guest asked for work and then fell silent
  | "guest-failed" // the guest reported that it could not start the runner
  | "runner-outdated" // GitHub refuses the version of the image's runner
  | "runner-timeout" // it was given its registration and never came online
  | "runner-lost" // its runner was online, and is gone
  | "no-job" // its runner ended, and no job had run
  | "job-limit"; // its job ran longer than the image allows

/** GitHub's job, as a webhook or an answer of the API shows it. */
export type JobSeen = {
  id: number;
  repo: RepoName;
  installation: number;
  runId: number;
  attempt: number;
  name: string;
  workflow: string;
  labels: readonly string[];
  headSha: string;
  url: string;
  /** Everybody may see its repository. None: GitHub has not told yet. */
  isPublic?: boolean | undefined;
  /** `waiting`: GitHub holds it back (an environment asks for approval); it may be queued again. */
  status: "waiting" | "queued" | "running" | "done";
  conclusion?: string | undefined;
  queuedAt: number;
  startedAt?: number | undefined;
  doneAt?: number | undefined;
  /** Name of the runner that has the job. */
  ranOn?: MachineName | undefined;
};

/** A run of a workflow, as GitHub shows it. Jobs do not tell what is in here. */
export type RunSeen = {
  id: number;
  attempt: number;
  repo: RepoName;
  /** Where its commit comes from. None: that repository is gone. */
  head: RepoName | undefined;
  event: string;
  isPublic: boolean;
};

/** One attempt of a run, as far as the rule for forks has to know it. `at`: when something was last learnt. */
export type RunAttempt = {
  id: number;
  attempt: number;
  at: number;
  seen?: RunSeen | undefined;
  /** Somebody who may write to the repository let this commit run. */
  approved?: { at: number; by: string; sha: string } | undefined;
};

/** A machine that failed: kept with the job it was made for. `tail`: last lines of what the VM or the guest said. */
export type Failure = {
  machine: MachineName;
  image: string;
  at: number;
  why: Why;
  text: string;
  tail?: string | undefined;
};

/** A failure in a few words. */
export type Failed = Pick<Failure, "machine" | "at" | "why">;

/** GitHub's job and what Mayfly knows of it. `tries`: machines made for it that failed before they had work. */
export type Job = JobSeen & {
  tries: number;
  /** When we learned that it waits for a runner; again, if an environment, GitHub's own queue or the rule for forks held it back meanwhile. */
  readyAt?: number | undefined;
  /** When we learned that GitHub holds it back, or when the rule for forks did before it was approved. */
  heldAt?: number | undefined;
  failure?: Failure | undefined;
  /** The last of its machines that failed, the oldest first, whatever the tries. */
  failed?: readonly Failed[] | undefined;
  gaveUpAt?: number | undefined;
  /** Why, as a sentence. */
  gaveUpCause?: string | undefined;
  /** When it was seen to run in a machine of ours by right. See: forks.ts. */
  admittedAt?: number | undefined;
  /** When GitHub was asked to cancel its run, since the job was given up. */
  runCancelledAt?: number | undefined;
  /** When that was done by force, since it had not helped. */
  runForcedAt?: number | undefined;
  /** The last time that GitHub refused all calls for its installation while it was open. */
  limited?: { at: number; until: number } | undefined;
  /** The check run that tells its story, and the digest of what it says now. */
  check?: { id: number; digest: string } | undefined;
};

/** How the guest's runner ended. `ranJob`: a job had started in it. */
export type Outcome = { exitCode: number; ranJob: boolean; text: string };

/** One row, one life. All fields but `retired` are facts; the phase that people see is computed (report.ts). */
export type Machine = {
  name: MachineName;
  repo: RepoName;
  image: string;
  host: string;
  createdAt: number;
  /** The job that made us order it. NB: any job of its pool may run in it; see `Job.ranOn`. */
  forJob?: number | undefined;
  /** The candidate that is tried on it: id of a cloud image. See: trials.ts. */
  trial?: string | undefined;
  /** The cloud image that its VM was made from: its id, as far as its host told. */
  cloudImage?: string | undefined;
  /** The job that GitHub said it got. */
  job?: number | undefined;
  adopted?: boolean | undefined;
  /** Written before the driver is told, so that a name is never started twice. */
  startedAt?: number | undefined;
  /** SHA-256 of the guest's one-time token, hex. The token itself is only in the seed. */
  tokenHash?: string | undefined;
  upAt?: number | undefined;
  askedAt?: number | undefined;
  runnerVersion?: string | undefined;
  /** Written before the registration is answered, so that none is handed out twice. */
  configuredAt?: number | undefined;
  runnerId?: number | undefined;
  workingAt?: number | undefined;
  endedAt?: number | undefined;
  outcome?: Outcome | undefined;
  stage?: { name: string; text: string; at: number } | undefined;
  /** The guest's own log tail, sent when it fails. */
  guestLog?: string | undefined;
  /** The one latch: never taken back. */
  retired?: { at: number; why: Why } | undefined;
  destroyedAt?: number | undefined;
  /** A person wants to look into it: its VM is not destroyed before then. */
  heldUntil?: number | undefined;
};

/** What was observed of one machine, with the times that say how far to trust it. */
export type Seen = {
  vm: VmState;
  /** The driver's own words for a VM that is broken. */
  vmText?: string | undefined;
  /** It is broken since its host had no room for it. */
  isNoRoom?: boolean | undefined;
  /** Id of the cloud image that it was made from. */
  cloudImage?: string | undefined;
  /** When the answer was asked for. None: never asked since the start of the process. */
  vmAskedAt?: number | undefined;
  /** When the first of the lists was asked for that all lack it, up to now. None: the last list has it. */
  vmMissingSince?: number | undefined;
  runner: RunnerState;
  runnerId?: number | undefined;
  runnerAskedAt?: number | undefined;
  runnerMissingSince?: number | undefined;
  /** Some list has contained it since the start of the process. */
  wasRunnerSeen?: boolean | undefined;
  /** GitHub itself removed it, since the last list was asked for. */
  isRunnerRemoved?: boolean | undefined;
  /** When a list last called it idle or busy. */
  runnerOnlineAt?: number | undefined;
  /** The guest has a claim open right now. */
  polling: boolean;
  /** The guest's last call. */
  heardAt?: number | undefined;
};

/** A VM or a runner that bears our controller's name and has no row. `repo` where it was seen as a runner. */
export type Stranger = {
  name: MachineName;
  image: string;
  host?: string | undefined;
  repo?: RepoName | undefined;
};

/** A group of interchangeable machines: the same repository and image, hence the same labels. */
export type Pool = { repo: RepoName; image: string };

export type Provider = "libvirt" | "virtualbox" | "vmware_desktop" | "parallels" | "qemu" | "openstack";

export type Host = {
  name: string;
  driver: "vagrant" | "openstack" | "tart" | "orchard" | "fake";
  provider: Provider;
  /** Hypervisor to use under the provider: `kvm` or `qemu` (software, slow). Only libvirt asks. */
  hypervisor: "kvm" | "qemu";
  /** Most VMs at a time. */
  machines: number;
  /** Most VMs that boot at a time. */
  starting: number;
  /** libvirt's storage pool for the disks of VMs. None: `default`. */
  storage?: string | undefined;
  cpus?: number | undefined;
  memoryMiB?: number | undefined;
  /** Where this host's VMs reach the guest listener: https, as seen from inside a VM. */
  guestUrl: string;
  /** Driver `openstack` only: where in the cloud. */
  openstack?: CloudPlace | undefined;
  /** Driver `tart` only: which Mac. */
  tart?: MacPlace | undefined;
  /** Driver `orchard` only: who looks after the Macs. */
  orchard?: OrchardPlace | undefined;
  /** Driver `fake` only: the program, with its arguments, that stands in for a VM. */
  command?: readonly string[] | undefined;
};

/** A box by name (from a catalogue) or from a file; a file's digest is checked before each first use. */
export type Box = {
  name: string;
  version?: string | undefined;
  file?: string | undefined;
  sha256?: string | undefined;
};

/** An entry of the operator's catalogue. */
export type Image = {
  name: string;
  os: Os;
  arch: Architecture;
  /** What a runner of this image answers to, and is registered with: exactly these. */
  labels: readonly string[];
  /** What hosts with Vagrant make its VMs from. */
  box?: Box | undefined;
  /** What hosts with OpenStack make its VMs from. */
  cloudImage?: CloudImage | undefined;
  /** What Macs make its VMs from. */
  tartImage?: TartImage | undefined;
  /** The box, or the cloud image, holds the guest program and the runner. If not, both are installed at each boot, over SSH. */
  prepared: boolean;
  cpus: number;
  memoryMiB: number;
  /** Fixed MAC address for licences that are bound to one; then only one VM at a time. */
  mac?: string | undefined;
  /** Names of the hosts that may run it, in order of preference. */
  hosts: readonly string[];
  /** Most VMs of it at a time. */
  machines: number;
  limits: ImageLimits;
};

export type ImageLimits = {
  /** From the order to the guest's first call. */
  bootMs: number;
  /** Of one job. */
  jobMs: number;
  /** How long a machine that no job needs is kept. */
  idleMs: number;
};

/** A repository that Mayfly serves. */
export type Repository = {
  name: RepoName;
  images: readonly string[];
  machines: number;
  /** Machines of an image that are kept booted and waiting. */
  hot: Readonly<Record<string, number>>;
  registration: "jit" | "token";
  /** What becomes of a job that was given up: GitHub ends it after a day, or is asked to cancel its run at once. */
  onGiveUp: "wait" | "cancel";
  /** What becomes of jobs of a fork's pull request. Left out: refused if the repository is public, else allowed. */
  forks?: ForkRule | undefined;
  /** Most hot machines of an image that its admins may ask for. Left out: as many as `hot` says. */
  mostHot?: Readonly<Record<string, number>> | undefined;
  /** By its admins' settings (see settings.ts): labels by image on top of the image's own, and that no machine is ordered. */
  labels?: Readonly<Record<string, readonly string[]>> | undefined;
  isPaused?: boolean | undefined;
  /** With settings: the same without them. */
  given?: Repository | undefined;
};

export type ForkRule = "refuse" | "approve" | "allow";

export type Catalogue = {
  controller: string;
  hosts: readonly Host[];
  images: readonly Image[];
  repositories: readonly Repository[];
};

/** How long to believe, wait and try. See patience.ts for the values and their reasons. */
export type Patience = {
  /** How long a VM or a runner that a list lacks is not yet believed gone. */
  settleMs: number;
  /** From the registration's hand-out to the runner's first appearance online. */
  connectMs: number;
  /** How long a runner may be offline, or a guest silent, before its machine is retired. */
  lostMs: number;
  /** How long a runner may be online without a job although one waits. */
  serveMs: number;
  /** Machines made for one job that may fail before the job is given up. */
  tries: number;
  /** How long a job waits for a pool whose machines all fail before it is given up. */
  giveUpMs: number;
  /** How long a job waits for a machine, whatever the reason, before it is given up. */
  waitMs: number;
  /** Failed machines in a row make their pool wait before it orders another: first this long, then twice as long each time. */
  backoffMs: number;
  backoffMaxMs: number;
};
