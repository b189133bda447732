import { dirname } from "node:path";
import { parse } from "@cdktn/hcl2json";
import { readSource, sourcesOf } from "./sources.ts";

/** A body of HCL as JSON. Blocks of one kind are a list; what has to be computed is a text with `${…}` around it. */
export type Body = { [name: string]: unknown };

/** All of one folder's template, as Packer sees it. */
export type Template = {
  folder: string;
  files: string[];
  variables: Map<string, Body>;
  locals: Body;
  /** `qemu.windows` and so on. */
  sources: Map<string, Body>;
  builds: Body[];
  /** What `required_plugins` asks for. */
  plugins: Map<string, Body>;
};

/** The templates of this repository, one for each folder with *.pkr.hcl. NB: by HashiCorp's own parser, compiled for Node. */
export async function templates(): Promise<Template[]> {
  const byFolder = Map.groupBy(await sourcesOf(".pkr.hcl"), dirname);
  return Promise.all([...byFolder].map(([folder, files]) => readTemplate(folder, files)));
}

async function readTemplate(folder: string, files: string[]): Promise<Template> {
  const bodies = await Promise.all(files.map(parseFile));
  const all = (name: string) => bodies.flatMap((body) => entriesOf(body[name]));
  const locals = bodies.flatMap((body) => listOf(body.locals));
  const packer = bodies.flatMap((body) => listOf(body.packer));
  return {
    folder,
    files,
    variables: new Map(all("variable").map(([name, body]) => [name, firstOf(body)])),
    locals: Object.assign({}, ...locals),
    sources: new Map(
      all("source").flatMap(([kind, named]) =>
        entriesOf(named).map(([name, body]) => [`${kind}.${name}`, firstOf(body)]),
      ),
    ),
    builds: bodies.flatMap((body) => listOf(body.build)),
    plugins: new Map(
      packer
        .flatMap(({ required_plugins }) => listOf(required_plugins))
        .flatMap((body) => entriesOf(body).map(([name, plugin]) => [name, plugin as Body])),
    ),
  };
}

export async function parseFile(file: string): Promise<Body> {
  return (await parse(file, await readSource(file))) as Body;
}

/** The scripts that a build's provisioners name, whatever their kind. `…/x.sh` in several forms. */
export function scriptsOf(template: Template): string[] {
  const provisioners = template.builds.flatMap(({ provisioner }) =>
    entriesOf(provisioner).flatMap(([, bodies]) => listOf(bodies)),
  );
  return provisioners
    .flatMap(({ script, scripts }) => [...textsOf(script), ...textsOf(scripts)])
    .map((path) => resolved(path, template));
}

/** With `${local.…}` and `${path.root}` put in. */
function resolved(path: string, { locals, folder }: Template): string {
  return path
    .replaceAll(/\$\{local\.(\w+)\}/g, (_, name: string) => String(locals[name]))
    .replaceAll(/\$\{path\.root\}/g, folder);
}

export const listOf = (value: unknown): Body[] => (Array.isArray(value) ? value : []);
export const entriesOf = (value: unknown): [string, unknown][] => Object.entries(value ?? {});
const firstOf = (value: unknown): Body => listOf(value)[0] ?? {};
export const textsOf = (value: unknown): string[] =>
  [value].flat().filter((text): text is string => typeof text === "string");
