import { askController } from "../control/client.ts";
import { type Images, type ImageView, trialWords } from "../control/images.ts";
import { type AskOptions, socketOf } from "./ask.ts";
import { safe, table } from "./text.ts";

/** `mayfly images`: the cloud images, how old they are, and how candidates do. */
export async function images({ config, json }: AskOptions): Promise<void> {
  const answer = (await askController(socketOf(config), { method: "GET", path: "/images" })) as Images;
  console.log(json ? JSON.stringify(answer, undefined, 2) : safe(imagesText(answer)));
}

const HEADINGS = ["HOST", "FAMILY", "STANDS", "BUILT", "RUNNER", "DAYS LEFT", "TRIAL", "ID"];

function imagesText({ images: views, notes, unknown }: Images): string {
  const rows = views.map(rowOf);
  return [
    rows.length === 0 ? "No cloud images are known." : table(HEADINGS, rows),
    ...unknown.map(
      (host) => `${host} has not told of its images yet, or cannot be asked: mayfly check says why.`,
    ),
    ...notes,
  ].join("\n");
}

function rowOf(view: ImageView): string[] {
  const { host, family, standing, builtAt, runnerVersion, age, id } = view;
  const left = [age.runnerDaysLeft, age.daysLeft].filter((days) => days !== undefined);
  return [
    host,
    family,
    standing,
    builtAt === undefined ? "not known" : `${new Date(builtAt).toISOString().slice(0, 10)} (${age.days} d)`,
    runnerVersion ?? "not known",
    standing === "old" || left.length === 0 ? "" : String(Math.min(...left)),
    trialWords(view),
    id,
  ];
}
