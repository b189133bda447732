import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { saveSettings } from "../../control/settings.ts";
import { versionOf } from "../../core/apply-settings.ts";
import { findRepository } from "../../core/labels.ts";
import { boundsOf, givenOf, inForce } from "../../core/settings.ts";
import { settingsFaults } from "../../core/settings-faults.ts";
import type { Repository } from "../../core/types.ts";
import { GitHubUnavailable } from "../../ports.ts";
import { layout, link, type Viewer, wordPage } from "../layout.ts";
import type { PagesParts } from "../parts.ts";
import type { Rights } from "../rights.ts";
import { sentForm } from "../sent-form.ts";
import { type Listed, listBody, unknownWords } from "./list-page.ts";
import { type NotSaved, settingsBody } from "./page.ts";
import { type FieldFault, formOf, hotField, labelsField, readForm } from "./read-form.ts";
import { tryBox } from "./try.ts";

export type SettingsParts = {
  parts: PagesParts;
  rights: Rights;
  viewerOf: (c: Context) => Promise<Viewer | undefined>;
};

const PAGE = "/settings/:owner/:name";
/** More than is shown. */
const HISTORY = 200;

/** What the admins of repositories set for them. NB: whether they are is asked anew when they save, whatever the page had shown. */
export function settingsRoutes({ parts, rights, viewerOf }: SettingsParts): Hono {
  const routes = new Hono();

  routes.get("/settings", async (c) => {
    const viewer = await viewerOf(c);
    if (!viewer) return c.redirect("/sign-in?to=/settings");
    return showList(c, viewer, { parts, rights });
  });

  routes.get(PAGE, async (c) => {
    const viewer = await viewerOf(c);
    const { name, repository } = asked(c, parts);
    if (!viewer) return c.redirect(`/sign-in?to=${encodeURIComponent(`/settings/${name}`)}`);
    if (!repository) return sorry(c, viewer, NOT_HERE);
    const place = { parts, viewer, repository };
    const right = await rightOf(rights.looksLikeAdmin, place);
    if (right === "admin" || viewer.isOperator)
      return showPage(c, { ...place, mayChange: right === "admin" });
    return refuse(c, place, right);
  });

  routes.post(PAGE, async (c) => {
    const viewer = await viewerOf(c);
    const { name, repository } = asked(c, parts);
    if (!viewer) return c.redirect(`/sign-in?unsaved=1&to=${encodeURIComponent(`/settings/${name}`)}`, 303);
    if (!repository) return sorry(c, viewer, NOT_HERE);
    const place = { parts, viewer, repository };
    const right = await rightOf(rights.administers, place);
    if (right === "admin") return save(c, place);
    if (right === "unknown" && (await rightOf(rights.looksLikeAdmin, place)) === "admin")
      return showNotSaved(c, place, { status: 502, faults: [{ text: NOT_ASKED.sentence }] });
    return refuse(c, place, right);
  });
  return routes;
}

type Place = { parts: PagesParts; viewer: Viewer; repository: Repository };

/** The repository that the address names, if it is served. `name`: as the address has it. */
function asked(c: Context, { world }: PagesParts): { name: string; repository: Repository | undefined } {
  const name = `${c.req.param("owner")}/${c.req.param("name")}`;
  return { name, repository: findRepository(name, world().catalogue) };
}

type Right = "admin" | "none" | "unknown";

/** `unknown`: GitHub could not be asked. */
async function rightOf(ask: Rights["administers"], { parts, viewer, repository }: Place): Promise<Right> {
  try {
    return (await ask(repository.name, viewer.login)) ? "admin" : "none";
  } catch (err) {
    if (!(err instanceof GitHubUnavailable)) throw err;
    parts.log.warn({ by: viewer.login, repo: repository.name, err }, "rights could not be asked for");
    return "unknown";
  }
}

/** NB: whoever has no right in a repository is not told that it is served. */
function refuse(c: Context, { viewer, repository }: Place, right: Right): Response | Promise<Response> {
  if (!viewer.sees(repository.name) && !viewer.isOperator) return sorry(c, viewer, NOT_HERE);
  return sorry(c, viewer, right === "unknown" ? NOT_ASKED : NOT_ADMIN);
}

type ListRights = { parts: PagesParts; rights: Rights };

async function showList(c: Context, viewer: Viewer, { parts, rights }: ListRights): Promise<Response> {
  const { state, catalogue } = parts.world();
  // NB: on whoever comes from GitHub's installation page, what they had a right in when they signed in is out of date.
  const isFresh = c.req.query("installation_id") !== undefined;
  const mine = catalogue.repositories.filter(({ name }) => viewer.sees(name) || viewer.isOperator || isFresh);
  const askable = mine.filter(({ name }) => isFresh || !state.withoutAccess.has(name.toLowerCase()));
  const found = await Promise.all(
    askable.map(async (repository) => ({
      repository,
      right: await rightOf(rights.looksLikeAdmin, { parts, viewer, repository }),
    })),
  );
  const admins = new Set(
    found.flatMap(({ repository, right }) => (right === "admin" ? [repository.name] : [])),
  );
  const listed: Listed[] = mine
    .map((repository) => ({ repository, mayChange: admins.has(repository.name) }))
    .filter(({ mayChange }) => mayChange || viewer.isOperator);
  const unknown = found.flatMap(({ repository: { name }, right }) =>
    right === "unknown" && (viewer.sees(name) || viewer.isOperator) ? [name] : [],
  );
  const [only] = listed;
  if (only && listed.length === 1 && unknown.length === 0)
    return c.redirect(`/settings/${only.repository.name}`);
  const more = { settings: state.settings, paused: state.paused, webUrl: parts.webUrl, unknown };
  if (listed.length === 0) return sorry(c, viewer, unknown.length > 0 ? { ...NOT_ASKED, unknown } : NONE);
  return c.html(layout({ title: "Settings", body: listBody(listed, more), viewer }));
}

type Showing = Place & { mayChange: boolean };

async function showPage(
  c: Context,
  showing: Showing,
  sent?: NotSaved,
  status: Status = 200,
): Promise<Response> {
  const { parts, viewer, repository } = showing;
  const { catalogue, state, now } = parts.world();
  const { name } = repository;
  const given = givenOf(repository);
  const bounds = boundsOf(given);
  const force = inForce(state.settings, name);
  const known = state.settings.get(name.toLowerCase()) ?? {};
  const view = {
    ...{ repository: given, bounds, force, known, now, webUrl: parts.webUrl, mayChange: showing.mayChange },
    images: catalogue.images.filter((image) => given.images.includes(image.name)),
    history: await parts.store.settingsHistory(name, HISTORY),
    isSaved: sent === undefined && c.req.query("saved") === String(versionOf(known)),
    tryIt: tryBox(c.req.query("runs-on"), name, catalogue),
  };
  const body = settingsBody(view, formOf(known.page?.settings ?? {}, bounds), sent);
  const title = sent ? `Not saved: settings of ${name}` : `Settings of ${name}`;
  return c.html(layout({ title, body, viewer }), status);
}

type Status = 200 | 400 | 404 | 409 | 502;

async function save(c: Context, place: Place): Promise<Response> {
  const { parts, viewer, repository } = place;
  const { catalogue } = parts.world();
  const { name: repo } = repository;
  const read = readForm(await sentForm(c), boundsOf(repository));
  const wrong = settingsFaults(read.settings, repository, catalogue).map(toField);
  const faults = [...read.faults, ...wrong];
  if (isOver(place, read.version)) return showNotSaved(c, place, { status: 409, faults });
  if (faults.length > 0) return showNotSaved(c, place, { status: 400, faults });
  const order = { repo, settings: read.settings, basedOn: read.version, by: viewer.login };
  const { status, sentence } = await saveSettings(order, parts);
  if (status !== 200) return showNotSaved(c, place, { status, faults: [{ text: sentence }] });
  return c.redirect(`/settings/${repo}?saved=${read.version + 1}`, 303);
}

/** Somebody has saved other settings than the page of that version had shown. */
const isOver = ({ parts, repository }: Place, version: number): boolean =>
  version !== versionOf(parts.world().state.settings.get(repository.name.toLowerCase()) ?? {});

type Because = { status: Status; faults: readonly FieldFault[] };

/** The page again, with what was typed. NB: whatever kept it from being saved, what others saved meanwhile is shown, and only then overwritten. */
async function showNotSaved(c: Context, place: Place, { status, faults }: Because): Promise<Response> {
  const { form, settings, version } = readForm(await sentForm(c), boundsOf(place.repository));
  const sent = { form, settings, faults, over: isOver(place, version) };
  return showPage(c, { ...place, mayChange: true }, sent, status);
}

/** A fault of a value belongs to the field that it was typed into. */
function toField({ path, text }: { path: readonly (string | number)[]; text: string }): FieldFault {
  const [first, image, what] = path.map(String);
  if (first !== "images" || image === undefined) return { field: first, text };
  return { field: what === "hot" ? hotField(image) : labelsField(image), text };
}

type Sorry = { status: 403 | 404 | 502; title: string; sentence: string; unknown?: readonly string[] };

const NOT_HERE: Sorry = {
  status: 404,
  title: "Nothing here",
  sentence:
    "Mayfly does not serve this repository, or you have no right in it. If it is yours, the operator has to name it in mayfly.yml.",
};
const NOT_ADMIN: Sorry = {
  status: 403,
  title: "You do not administer it",
  sentence:
    "GitHub says that you are no administrator of this repository, or not any more. Nothing was saved. Ask one of them, or have them give you the right.",
};
const NOT_ASKED: Sorry = {
  status: 502,
  title: "GitHub does not answer",
  sentence:
    "GitHub could not be asked whether you administer this repository, so nothing was saved. Try again in a minute.",
};
const NONE: Sorry = {
  status: 404,
  title: "No settings for you",
  sentence: `You administer none of the repositories that Mayfly serves. Their administrators set here which labels lead to which image. If you were given the right only now, sign out and in again.`,
};

function sorry(c: Context, viewer: Viewer, { status, title, sentence, unknown = [] }: Sorry) {
  const more = html`${unknownWords(unknown)}<p>${link("/settings", "Settings")} · ${link("/", "Status")}</p>`;
  return c.html(layout({ title, body: wordPage(title, [sentence], more), viewer }), status);
}
