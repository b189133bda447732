import type { Api } from "./api.ts";

type Thing = { id: string; name?: string; description?: string };

/** All that anybody has in the cloud, as its administrator sees it: each thing is a line. */
export async function thingsOf(admin: Api): Promise<string[]> {
  const [servers, pairs, ports, addresses, groups, images] = await Promise.all([
    admin.get<{ servers: Thing[] }>("compute", "/servers?all_tenants=1"),
    admin.get<{ keypairs: { keypair: { name: string } }[] }>("compute", "/os-keypairs"),
    admin.get<{ ports: Thing[] }>("network", "/v2.0/ports"),
    admin.get<{ floatingips: Thing[] }>("network", "/v2.0/floatingips"),
    admin.get<{ security_groups: Thing[] }>("network", "/v2.0/security-groups"),
    admin.get<{ images: Thing[] }>("image", "/v2/images?limit=1000"),
  ]);
  const lines = (kind: string, things: readonly Thing[]) =>
    things.map(({ id, name, description }) => `${kind} ${id} ${name || description || ""}`.trim());
  return [
    ...lines("server", servers.servers),
    ...pairs.keypairs.map(({ keypair: { name } }) => `key pair ${name}`),
    ...lines("port", ports.ports),
    ...lines("floating IP", addresses.floatingips),
    ...lines("security group", groups.security_groups),
    ...lines("image", images.images),
  ].toSorted();
}
