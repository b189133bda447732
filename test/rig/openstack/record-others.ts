import { readAuth, requestOf } from "./api.ts";
import type { Recorder } from "./record.ts";

const BAD_TOKEN = { headers: { "x-auth-token": "gAAAAAB-bad" } };
const NOWHERE = "3f0e5c0e-0000-4000-8000-000000000000";

export async function recordIdentity({ cloud, take }: Recorder): Promise<void> {
  const credential = await readAuth(cloud.cloudsFile, "lab");
  const password = await readAuth(cloud.cloudsFile, "lab-password");
  const signIn = (name: string, auth: Record<string, string>) =>
    take("identity", name, "POST", "/auth/tokens", { body: { auth: requestOf(auth) } });
  await signIn("token by credential", credential);
  await signIn("token by password", password);
  await signIn("credential refused", { ...credential, application_credential_secret: "wrong" });
  await signIn("password refused", { ...password, password: "wrong" });
}

export async function recordImages({ cloud, take }: Recorder): Promise<void> {
  const { projectId } = cloud.demo;
  const form = {
    name: "mayfly-linux",
    tags: ["mayfly:recorded:candidate"],
    ...{ disk_format: "raw", container_format: "bare", visibility: "private", min_disk: 1, min_ram: 256 },
    ...{ mayfly_os: "linux", mayfly_runner_version: "2.337.0", mayfly_built_at: "2026-01-01T00:00:00Z" },
  };
  const { body } = await take("image", "create", "POST", "/v2/images", { body: form });
  const { id } = body as { id: string };
  await take("image", "show queued", "GET", `/v2/images/${id}`);
  await take("image", "upload", "PUT", `/v2/images/${id}/file`, { body: new Uint8Array(65_536) });
  await take("image", "show", "GET", `/v2/images/${id}`);
  const query = `owner=${projectId}&tag=mayfly:recorded:candidate`;
  await take("image", "list", "GET", `/v2/images?${query}`);
  await take("image", "list none", "GET", "/v2/images?tag=mayfly:nothing:current");
  await take("image", "list page", "GET", "/v2/images?limit=1");
  await take("image", "list full page", "GET", `/v2/images?${query}&limit=1`);
  await take("image", "add tag", "PUT", `/v2/images/${id}/tags/mayfly:recorded:current`);
  await take("image", "remove tag", "DELETE", `/v2/images/${id}/tags/mayfly:recorded:candidate`);
  const patch = [{ op: "add", path: "/mayfly_expires_at", value: "2026-02-01T00:00:00Z" }];
  const headers = { "content-type": "application/openstack-images-v2.1-json-patch" };
  await take("image", "patch", "PATCH", `/v2/images/${id}`, { body: patch, headers });
  await take("image", "delete", "DELETE", `/v2/images/${id}`);
  await take("image", "gone", "GET", `/v2/images/${id}`);
  await take("image", "unauthorized", "GET", "/v2/images", BAD_TOKEN);
}

export async function recordNetwork(recorder: Recorder): Promise<void> {
  const { cloud, take } = recorder;
  const found = await take("network", "networks", "GET", "/v2.0/networks?name=lab");
  const network = (found.body as { networks: { id: string }[] }).networks[0]?.id;
  await take("network", "networks none", "GET", "/v2.0/networks?name=nothing");
  await take("network", "networks external", "GET", "/v2.0/networks?router:external=True");
  await take("network", "subnets", "GET", `/v2.0/subnets?network_id=${network}`);
  await take("network", "routers", "GET", "/v2.0/routers");
  await take("network", "security groups", "GET", "/v2.0/security-groups?name=mayfly");
  await take("network", "quota", "GET", `/v2.0/quotas/${cloud.demo.projectId}/details.json`);
  await recordPort(recorder, network);
  await take("network", "unauthorized", "GET", "/v2.0/ports", BAD_TOKEN);
}

async function recordPort({ cloud, take }: Recorder, network: string | undefined): Promise<void> {
  const form = { port: { network_id: network, description: "recorded" } };
  const made = await take("network", "port create", "POST", "/v2.0/ports", { body: form });
  const { id } = (made.body as { port: { id: string } }).port;
  await take("network", "port tags", "PUT", `/v2.0/ports/${id}/tags`, { body: { tags: ["recorded"] } });
  await take("network", "ports", "GET", "/v2.0/ports?tags=recorded");
  await take("network", "ports none", "GET", "/v2.0/ports?tags=nothing");
  const outside = await cloud.demo.get<{ networks: { id: string }[] }>(
    "network",
    "/v2.0/networks?router:external=True",
  );
  const wanted = { floatingip: { floating_network_id: outside.networks[0]?.id, port_id: id } };
  const address = await take("network", "floating IP create", "POST", "/v2.0/floatingips", { body: wanted });
  const { id: addressId } = (address.body as { floatingip: { id: string } }).floatingip;
  await take("network", "floating IPs", "GET", "/v2.0/floatingips");
  await take("network", "floating IP delete", "DELETE", `/v2.0/floatingips/${addressId}`);
  await take("network", "floating IP gone", "DELETE", `/v2.0/floatingips/${addressId}`);
  await take("network", "port delete", "DELETE", `/v2.0/ports/${id}`);
  await take("network", "port gone", "DELETE", `/v2.0/ports/${id}`);
  await take("network", "port on no network", "POST", "/v2.0/ports", {
    body: { port: { network_id: NOWHERE } },
  });
  const restore = await cloud.setQuota({ floatingip: 0, port: 0 });
  await take("network", "floating IP above quota", "POST", "/v2.0/floatingips", {
    body: { floatingip: { floating_network_id: outside.networks[0]?.id } },
  });
  await take("network", "port above quota", "POST", "/v2.0/ports", { body: form });
  await restore();
}
