import type { Entries } from "./entries.ts";
import type { Finding } from "./finding.ts";
import { isSafe } from "./relay.ts";

/** What is wrong with who may do what, and with the address at which they do it. */
export const peopleFindings = (entries: Entries): Finding[] => [
  ...addressFindings(entries),
  ...operatorFindings(entries),
];

function addressFindings({ web: { url } }: Entries): Finding[] {
  if (url === undefined) return [];
  const path = ["web", "url"];
  if (!isSafe(url))
    return [[path, "web.url must begin with https://: people sign in there, and their browsers keep it."]];
  if (new URL(url).pathname === "/") return [];
  return [[path, "web.url must end with the name of the host: the pages are at the top of it."]];
}

/** NB: who is in a team is asked with the rights of an installation, which the App has where a repository is served. */
function operatorFindings({ operators, repositories }: Entries): Finding[] {
  const owners = repositories.map(({ value }) => value.name?.split("/")[0]?.toLowerCase());
  return operators.flatMap((operator, index): Finding[] => {
    const [org = "", team] = operator.split("/");
    if (team === undefined || owners.includes(org.toLowerCase())) return [];
    const sentence = `No repository of ${org} is served, so Mayfly cannot ask who is in the team ${operator}. Name the logins instead.`;
    return [[["operators", index], sentence]];
  });
}
