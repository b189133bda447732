/** The pages on which the emulated GitHub has an App made and installed, as far as a program has to know them. */

/** Creates the App as a person would, and resolves to the address to which the browser is sent back. */
export async function createApp(page: string, manifest: object): Promise<URL> {
  const asked = new URL(page);
  const text = JSON.stringify(manifest);
  const shown = await fetch(asked, { method: "POST", body: new URLSearchParams({ manifest: text }) });
  if (!shown.ok) throw new Error(await shown.text());
  const form = new URLSearchParams(hiddenFields(await shown.text()));
  form.set("name", nameIn(manifest));
  return sendForm(`${asked.origin}/settings/apps`, form);
}

const nameIn = (manifest: object): string => ("name" in manifest ? String(manifest.name) : "");

function hiddenFields(page: string): [string, string][] {
  const fields = page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g);
  return Array.from(fields, ([, name = "", value = ""]) => [name, unescaped(value)]);
}

export const unescaped = (text: string): string =>
  text
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

/** Installs the App on these repositories. */
export const installApp = (page: string, repos: readonly string[]): Promise<URL> =>
  sendForm(page, new URLSearchParams(repos.map((repo): [string, string] => ["repos", repo])));

async function sendForm(address: string, body: URLSearchParams): Promise<URL> {
  const response = await fetch(address, { method: "POST", body, redirect: "manual" });
  return new URL(response.headers.get("location") ?? "", address);
}
