import { describe, expect, test } from "vitest";
import { changed, type FaultRow, faultsOf } from "./file.ts";

const NAMES: FaultRow[] = [
  [
    "two hosts cannot share a name",
    "images:\n  - name: linux",
    "  - name: lab1\nimages:\n  - name: linux",
    "mayfly.yml:8:11: There is another host named lab1.",
  ],
  [
    "two images cannot share a name",
    "- name: matlab",
    "- name: linux",
    "mayfly.yml:13:11: There is another image named linux.",
    "mayfly.yml:19:21: There is no image named matlab; known are linux and linux.",
  ],
  [
    "two repositories cannot share a name, in whatever case",
    "    images: [linux, matlab]",
    "    images: [linux, matlab]\n  - name: spinw/SPINW\n    images: [linux]",
    "mayfly.yml:20:11: There is another repository named spinw/SPINW.",
  ],
  [
    "an image that is not in the file is told with the nearest that is",
    "images: [linux, matlab]",
    "images: [linux, matlap]",
    "mayfly.yml:19:21: There is no image named matlap; perhaps matlab was meant.",
  ],
  [
    "a host that is not in the file is told with those that are",
    "box: { name: mayfly/matlab }",
    "box: { name: mayfly/matlab }\n    hosts: [cluster]",
    "mayfly.yml:17:13: There is no host named cluster; known are lab1.",
  ],
  [
    "a repository has each image once",
    "images: [linux, matlab]",
    "images: [linux, matlab, linux]",
    "mayfly.yml:19:29: SpinW/spinw has the image linux twice.",
  ],
];

const LABELS: FaultRow[] = [
  [
    "general labels alone are not enough",
    "[self-hosted, linux, x64, spinw-linux]",
    "[self-hosted, Linux, X64]",
    "mayfly.yml:11:13: The image linux has general labels only (self-hosted, Linux and X64). Add one of its own, such as the project's name: a job that asks for general labels only is not for Mayfly.",
  ],
  [
    "an image has no label that GitHub gives to machines of another system",
    "[self-hosted, linux, x64, spinw-linux]",
    "[self-hosted, Windows, x64, spinw-linux]",
    "mayfly.yml:11:27: The image linux is Linux on x64, and has the label Windows, which GitHub gives to other machines. Take the label away, or mend os or arch.",
  ],
  [
    "an image has no label that GitHub gives to machines of another architecture",
    "[self-hosted, linux, x64, spinw-linux]",
    "[self-hosted, linux, ARM64, spinw-linux]",
    "mayfly.yml:11:34: The image linux is Linux on x64, and has the label ARM64, which GitHub gives to other machines. Take the label away, or mend os or arch.",
  ],
  [
    "a label is there once, in whatever case",
    "x64, spinw-linux]",
    "x64, spinw-linux, SpinW-Linux]",
    "mayfly.yml:11:52: The image linux has the label spinw-linux twice; GitHub does not tell upper from lower case.",
  ],
  [
    "a label has no comma, at which the runner would split it",
    "x64, spinw-linux]",
    'x64, "spinw,linux"]',
    'mayfly.yml:11:39: images[0].labels[3] must be a label: 1 to 256 characters, without a comma, a line break, or a space at its ends, not "spinw,linux".',
  ],
  [
    "a label has at most 256 characters",
    "x64, spinw-linux]",
    `x64, ${"a".repeat(257)}]`,
    `mayfly.yml:11:39: images[0].labels[3] must be a label: 1 to 256 characters, without a comma, a line break, or a space at its ends, not "${"a".repeat(56)}…".`,
  ],
  [
    "two images of a repository cannot have the same labels",
    "spinw-matlab]",
    "Spinw-Linux]",
    "mayfly.yml:19:13: The images linux and matlab of SpinW/spinw have the same labels, so no job can choose between them.",
  ],
];

const SIZES: FaultRow[] = [
  [
    "an image must fit on one of its hosts",
    "box: { name: mayfly/matlab }",
    "box: { name: mayfly/matlab }\n    cpus: 16\n    memory: 8 GiB",
    "mayfly.yml:13:5: The image matlab fits on none of its hosts: it needs 16 CPUs and 8 GiB; lab1 has 8 CPUs and 16 GiB.",
  ],
  [
    "a fixed MAC address is for one VM",
    "box: { name: mayfly/matlab }",
    'box: { name: mayfly/matlab }\n    mac: "52:54:00:12:34:56"\n    machines: 2',
    "mayfly.yml:18:15: The image matlab has a fixed MAC address, so only one VM of it can be up. Set machines to 1, or leave it out.",
  ],
  [
    "a MAC address for groups is for none",
    "box: { name: mayfly/matlab }",
    'box: { name: mayfly/matlab }\n    mac: "53:54:00:12:34:56"',
    "mayfly.yml:17:10: The MAC address of image matlab is one for groups of cards: its first two digits must be an even number.",
  ],
  [
    "no more machines are kept hot than the image allows",
    "box: { name: mayfly/matlab }\nrepositories:\n  - name: SpinW/spinw",
    "box: { name: mayfly/matlab }\n    machines: 1\nrepositories:\n  - name: SpinW/spinw\n    hot: { matlab: 2 }",
    "mayfly.yml:20:20: SpinW/spinw wants 2 hot machines of matlab, and the image allows 1.",
  ],
  [
    "no more machines are kept hot than the repository may have",
    "  - name: SpinW/spinw",
    "  - name: SpinW/spinw\n    machines: 2\n    hot: { linux: 1, matlab: 2 }",
    "mayfly.yml:20:10: SpinW/spinw wants 3 hot machines, and may have 2.",
  ],
  [
    "no more machines are kept hot than admins may ask for",
    "  - name: SpinW/spinw",
    "  - name: SpinW/spinw\n    mostHot: { linux: 1 }\n    hot: { linux: 2 }",
    'mayfly.yml:19:23: SpinW/spinw has 2 hot machines of linux by "hot", and mostHot allows 1.',
  ],
  [
    "admins may ask for hot machines of the repository's images only",
    "    images: [linux, matlab]",
    "    images: [linux]\n    mostHot: { matlab: 1 }",
    "mayfly.yml:20:24: There is no image of SpinW/spinw named matlab; known are linux.",
  ],
  [
    "only images of the repository are kept hot",
    "    images: [linux, matlab]",
    "    images: [linux]\n    hot: { matlab: 1 }",
    "mayfly.yml:20:20: There is no image of SpinW/spinw named matlab; known are linux.",
  ],
];

const PLACES: FaultRow[] = [
  [
    "a box file needs its digest, and has to be there",
    "{ name: mayfly/matlab }",
    "{ file: boxes/matlab.box }",
    "mayfly.yml:16:10: The box file of image matlab needs its sha256. This tells it: sha256sum FOLDER/boxes/matlab.box",
    "mayfly.yml:16:18: The box file of image matlab is not there: FOLDER/boxes/matlab.box.",
  ],
  [
    "a box has a name or a file",
    "{ name: mayfly/matlab }",
    "{}",
    "mayfly.yml:16:10: The box of image matlab needs a name, or a file with its sha256.",
  ],
  [
    "the fake driver needs a command",
    "machines: 4",
    "driver: fake",
    "mayfly.yml:4:5: hosts[0] has the driver fake, so it needs a command: the program that stands in for a VM.",
  ],
  [
    "no other driver takes one",
    "machines: 4",
    "command: [true-vm]",
    "mayfly.yml:5:14: hosts[0].command is for the driver fake only; take it away.",
  ],
  [
    "guests are reached over https",
    "https://192.168.121.1:8443",
    "http://192.168.121.1:8443",
    "mayfly.yml:2:16: guests.url must begin with https://: a guest trusts nothing else. Mayfly makes the certificate itself.",
  ],
  [
    "guests are not told to call themselves",
    "machines: 4",
    "guestUrl: https://localhost:8443",
    "mayfly.yml:5:15: hosts[0].guestUrl is https://localhost:8443, which inside a VM of lab1 is the VM itself. Give the address of this machine on the VMs' network.",
  ],
  [
    "it has to be said where guests call",
    "guests: { url: https://192.168.121.1:8443 }\n",
    "",
    "mayfly.yml:3:5: It is not said where the VMs of lab1 reach this machine. Give guests.url, such as https://192.168.121.1:8443, or the host's own guestUrl.",
  ],
  [
    "two listeners cannot share a port",
    "controller: lab",
    "controller: lab\nweb: { listen: 127.0.0.1:8443 }",
    "mayfly.yml:3:9: web.listen and guests.listen have the same port, 8443. Give each its own.",
  ],
  [
    "a port ends at 65535",
    "controller: lab",
    "controller: lab\nweb: { listen: 127.0.0.1:70000 }",
    "mayfly.yml:2:16: web.listen has the port 70000; ports end at 65535.",
  ],
  [
    "GitHub is not swept without a pause",
    "controller: lab",
    "controller: lab\nsweep: { every: 100ms }",
    "mayfly.yml:2:17: sweep.every must be 1s or more: each sweep costs calls at GitHub.",
  ],
  [
    "GitHub is called over https, but for one on this machine",
    "controller: lab",
    "controller: lab\ngithub: { url: http://github.lab.example, apiUrl: http://127.0.0.1:4000 }",
    "mayfly.yml:2:16: github.url must begin with https://: the App's credentials travel over it.",
  ],
  [
    "a relay is reached over TLS",
    "controller: lab",
    "controller: lab\nrelay: { url: http://relay.lab.example/abc }",
    "mayfly.yml:2:15: relay.url must begin with https://: the payloads of your repositories travel over it.",
  ],
  [
    "a relay has a channel",
    "controller: lab",
    "controller: lab\nrelay: { url: https://smee.io/ }",
    "mayfly.yml:2:15: relay.url must end with the name of a channel, such as https://smee.io/abc.",
  ],
  [
    "a relay's address is told to be wrong without being told",
    "controller: lab",
    'controller: lab\nrelay: { url: "smee.io/hunter2" }',
    "mayfly.yml:2:15: relay.url must be an address, such as https://smee.io/abc.",
  ],
];

const PEOPLE: FaultRow[] = [
  [
    "people sign in over TLS",
    "controller: lab",
    "controller: lab\nweb: { url: http://mayfly.lab.example }",
    "mayfly.yml:2:13: web.url must begin with https://: people sign in there, and their browsers keep it.",
  ],
  [
    "the pages are at the top of their host",
    "controller: lab",
    "controller: lab\nweb: { url: https://lab.example/mayfly }",
    "mayfly.yml:2:13: web.url must end with the name of the host: the pages are at the top of it.",
  ],
  [
    "an operator is a login or a team",
    "controller: lab",
    "controller: lab\noperators: [mona, SpinW/admins, not a login]",
    'mayfly.yml:2:33: operators[2] must be a login at GitHub, or a team as organisation/team, not "not a login".',
  ],
  [
    "a team's organisation is one that can be asked",
    "controller: lab",
    "controller: lab\noperators: [spinw/admins, ess/admins]",
    "mayfly.yml:2:27: No repository of ess is served, so Mayfly cannot ask who is in the team ess/admins. Name the logins instead.",
  ],
];

const CLOUD = "  - name: stfc\n    driver: openstack\nimages:\n  - name: linux";

const CLOUDS: FaultRow[] = [
  [
    "an image that may run on a cloud needs a cloud image, if it names no other hosts",
    "images:\n  - name: linux",
    CLOUD,
    'mayfly.yml:11:5: The image linux may run on stfc, and has no cloudImage for it. Give it one, or name other hosts under its "hosts".',
    'mayfly.yml:15:5: The image matlab may run on stfc, and has no cloudImage for it. Give it one, or name other hosts under its "hosts".',
  ],
  [
    "an image that may run on a host with Vagrant needs a box",
    "    box: { name: mayfly/matlab }",
    "    prepared: true",
    'mayfly.yml:13:5: The image matlab may run on lab1, and has no box for it. Give it one, or name other hosts under its "hosts".',
  ],
  [
    "a cloud image without a cloud is a slip",
    "box: { name: mayfly/matlab }",
    "box: { name: mayfly/matlab }\n    cloudImage: {}",
    "mayfly.yml:17:17: The image matlab has a cloudImage, and none of its hosts has the driver openstack. Take it away, or add such a host.",
  ],
  [
    "what is for clouds only is none of another host's",
    "    machines: 4",
    "    machines: 4\n    openstack: { cloud: stfc }",
    "mayfly.yml:6:16: hosts[0].openstack is for the driver openstack only; take it away.",
  ],
  [
    "a password for the cloud has no place here",
    "images:\n  - name: linux",
    "  - name: stfc\n    driver: openstack\n    openstack: { password: hush }\nimages:\n  - name: linux\n    hosts: [lab1]",
    "mayfly.yml:10:18: hosts[1].openstack.password does not belong into this file, which others may read: the environment of the service is the place for it.",
    'mayfly.yml:17:5: The image matlab may run on stfc, and has no cloudImage for it. Give it one, or name other hosts under its "hosts".',
  ],
];

describe.each(Object.entries({ NAMES, LABELS, SIZES, PLACES, PEOPLE, CLOUDS }))(
  "faults of entries together, %s",
  (_, rows) => {
    test.each(rows)("%s", (_claim, from, to, ...sentences) => {
      expect(faultsOf(changed(from, to))).toEqual(sentences);
    });
  },
);

test("a relay is of no use to who only asks GitHub", () => {
  const text = changed(
    "controller: lab",
    "controller: lab\nintake: poll\nrelay: { url: https://smee.io/abc }",
  );

  expect(faultsOf(text)).toEqual([
    "mayfly.yml:3:15: relay.url is for webhooks, and intake is poll. Take one of them away.",
  ]);
});

test("an image may run on a host with Vagrant and on a cloud, in the order of its hosts", () => {
  const text = changed("images:\n  - name: linux", CLOUD)
    .replace(
      "{ name: debian/bookworm64 }",
      "{ name: debian/bookworm64 }\n    cloudImage: {}\n    hosts: [stfc, lab1]",
    )
    .replace("{ name: mayfly/matlab }", "{ name: mayfly/matlab }\n    hosts: [lab1]");

  expect(faultsOf(text)).toEqual([]);
});
