/** The page on which the emulated GitHub asks a person, as far as a program has to know it. */

/** Answers it as a person would, and resolves to the address to which the browser is sent back. */
export async function answerGitHub(address: string, login: string, answer = "authorize"): Promise<URL> {
  const asked = new URL(address);
  const page = await fetch(asked);
  if (!page.ok) throw new Error(`GitHub does not ask anybody: ${page.status} ${await page.text()}`);
  const form = new URLSearchParams([...asked.searchParams, ["login", login], ["answer", answer]]);
  const response = await fetch(`${asked.origin}${asked.pathname}`, {
    method: "POST",
    body: form,
    redirect: "manual",
  });
  return new URL(response.headers.get("location") ?? "");
}
