import type { Settings } from "../config.ts";
import { GENERIC_LABELS, matchLabels } from "../core/labels.ts";
import { list, span } from "../core/markdown.ts";
import { boundsOf } from "../core/settings.ts";
import type { Box, Catalogue, Host, Image, Repository } from "../core/types.ts";
import { indent, size, table } from "./text.ts";

/** What a catalogue means, in words: hosts, images, and which labels lead where. */
export function meaningOf(settings: Settings): string {
  const { catalogue, github, guests, data, evidenceDays, historyDays } = settings;
  const { controller, hosts, images, repositories } = catalogue;
  const facts = table(
    [`Controller ${controller}`],
    [
      [
        `  jobs from ${github.webUrl}, ${intakeWords(settings)}, guests come in at ${guests.host}:${guests.port}`,
      ],
      [
        `  data in ${data}; evidence is kept ${evidenceDays} days, and which jobs there were ${historyDays} days`,
      ],
    ],
  );
  return [
    facts,
    `Hosts\n${indent(table(["NAME", "MADE BY", "MACHINES", "BOOTING", "ROOM"], hosts.map(hostRow)))}`,
    `Images\n${indent(table(["NAME", "SYSTEM", "SIZE", "BOX", "HOSTS", "MACHINES", "LIMITS"], images.map(imageRow)))}`,
    ...repositories.map((repository) => labelWords(repository, catalogue)),
    ...notes(catalogue),
  ].join("\n\n");
}

function intakeWords({ intake, web, sweepMs, relayHost }: Settings): string {
  if (intake === "poll") return `which is asked for them every ${span(sweepMs)}`;
  const way = relayHost === undefined ? "" : ` and over the relay ${relayHost}`;
  return `webhooks come in at ${web.host}:${web.port}${way}`;
}

const hostRow = ({
  name,
  driver,
  provider,
  hypervisor,
  machines,
  starting,
  cpus,
  memoryMiB,
  openstack,
  tart,
  orchard,
}: Host): string[] => [
  name,
  {
    fake: "fake (programs, no VMs)",
    vagrant: `vagrant, ${provider}${provider === "libvirt" ? ` on ${hypervisor}` : ""}`,
    openstack: `openstack, ${openstack?.cloud === undefined ? "as the environment says" : `cloud ${openstack.cloud}`}`,
    tart: `tart, on the Mac ${tart?.host}`,
    orchard: `orchard, at ${orchard?.url}`,
  }[driver],
  String(machines),
  String(starting),
  `${cpus === undefined ? "any CPUs" : `${cpus} CPUs`}, ${memoryMiB === undefined ? "any memory" : size(memoryMiB)}`,
];

const imageRow = ({
  name,
  os,
  arch,
  cpus,
  memoryMiB,
  box,
  cloudImage,
  tartImage,
  prepared,
  hosts,
  machines,
  limits,
}: Image): string[] => [
  name,
  `${os} ${arch}`,
  `${cpus} CPUs, ${size(memoryMiB)}`,
  list([
    ...(box ? [boxWords(box, prepared)] : []),
    ...(cloudImage ? [`cloud image ${cloudImage.family}`] : []),
    ...(tartImage ? [`tart image ${tartImage.name}`] : []),
  ]),
  hosts.join(", "),
  String(machines),
  `boot ${span(limits.bootMs)}, job ${span(limits.jobMs)}, idle ${span(limits.idleMs)}`,
];

/** NB: images of other kinds hold all that is needed, whatever `prepared` says. */
const boxWords = ({ name, version }: Box, prepared: boolean): string =>
  `${name}${version === undefined ? "" : ` ${version}`}${prepared ? "" : " (installs at each boot)"}`;

/** For each image the line to write, and for each label of ours where it leads alone. */
function labelWords(repository: Repository, catalogue: Catalogue): string {
  const { name, machines, registration, hot } = repository;
  const images = catalogue.images.filter((image) => repository.images.includes(image.name));
  const own = [
    ...new Set(
      images.flatMap(({ labels }) => labels.filter((label) => !GENERIC_LABELS.has(label.toLowerCase()))),
    ),
  ];
  const tries = [...images.map(({ labels }) => labels), ...own.map((label) => [label])];
  const rows = tries.map((labels) => {
    const { image } = matchLabels(labels, name, catalogue);
    return [`runs-on: [${labels.join(", ")}]`, `-> ${image?.name ?? "nothing"}`];
  });
  const warm = Object.entries(hot).filter(([, count]) => count > 0);
  const words = [
    `at most ${machines} machines`,
    `registration by ${registration}`,
    ...(repository.onGiveUp === "cancel" ? ["runs of jobs that are given up are cancelled"] : []),
    FORK_WORDS[repository.forks ?? "default"],
    ...warm.map(([image, count]) => `${count} ${image} kept hot`),
  ];
  const lines = [...new Map(rows.map((row) => [row[0], row])).values()];
  const text = `${table(lines[0] ?? [], lines.slice(1))}\n${boundWords(repository)}`;
  return `${name} (${words.join(", ")})\n${indent(text)}`;
}

/** How far the repository's admins may go in its settings. */
function boundWords(repository: Repository): string {
  const { images, machines, hot, forks } = boundsOf(repository);
  const most = images.filter((name) => hot(name) > 0).map((name) => `up to ${hot(name)} ${name} kept hot`);
  const words = [
    `up to ${machines} machines`,
    ...(most.length === 0 ? ["none kept hot"] : most),
    `jobs of forks: ${forks.join(" or ")}`,
  ];
  return `admins may set more labels, a pause, and: ${words.join("; ")}`;
}

const FORK_WORDS = {
  refuse: "jobs of forks are refused",
  approve: "jobs of forks wait for approval",
  allow: "jobs of forks are allowed",
  default: "jobs of forks are refused if it is public",
};

/** What is allowed and yet perhaps not meant. */
function notes({ hosts, images, repositories }: Catalogue): string[] {
  const unused = images.filter(
    ({ name }) => !repositories.some((repository) => repository.images.includes(name)),
  );
  const idle = hosts.filter(({ name }) => !images.some((image) => image.hosts.includes(name)));
  const found = [
    ...unused.map(({ name }) => `No repository uses the image ${name}.`),
    ...idle.map(({ name }) => `No image runs on the host ${name}.`),
  ];
  return found.length === 0 ? [] : [`Notes\n${indent(found.join("\n"))}`];
}
