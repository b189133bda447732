/**
 * What differs between the systems that a VM may run. Drivers, the docs and the tests ask here, and nobody else knows it.
 * See: guest/contract.md, "Files and users".
 */
export const SYSTEMS = {
  linux: {
    title: "Linux",
    label: "Linux",
    vagrantGuest: "linux",
    folders: ["unix", "linux"],
    shell: "bash",
    program: "/usr/local/lib/mayfly/mayfly-guest",
    runner: "/home/runner/actions-runner",
    seedFile: "/var/lib/mayfly/seed.json",
    upload: "/tmp/mayfly",
    bootstrap: "bootstrap_linux.sh",
  },
  windows: {
    title: "Windows",
    label: "Windows",
    vagrantGuest: "windows",
    folders: ["windows"],
    shell: "powershell",
    program: "C:\\Program Files\\Mayfly\\mayfly-guest.ps1",
    runner: "C:\\actions-runner",
    seedFile: "C:\\ProgramData\\Mayfly\\seed.json",
    upload: "C:/tmp/mayfly",
    bootstrap: "bootstrap_windows.ps1",
  },
  macos: {
    title: "macOS",
    label: "macOS",
    vagrantGuest: "darwin",
    folders: ["unix", "macos"],
    shell: "bash",
    program: "/usr/local/lib/mayfly/mayfly-guest",
    runner: "/Users/runner/actions-runner",
    seedFile: "/var/db/mayfly/seed.json",
    upload: "/tmp/mayfly",
    bootstrap: "bootstrap_macos.sh",
  },
} as const satisfies Readonly<Record<string, System>>;

export type Os = keyof typeof SYSTEMS;

export type System = {
  /** As people write it. */
  title: string;
  /** The label that GitHub's runner gives itself there. See: actions/runner, `Constants.Runner.Platform`. */
  label: string;
  /** Vagrant's word for it. */
  vagrantGuest: string;
  /** The folders of guest/ that make its guest program. */
  folders: readonly string[];
  /** What runs the program and its installers. */
  shell: string;
  /** Where the program is once it was installed. */
  program: string;
  /** The runner's folder. */
  runner: string;
  /** Where a seed that travels as a file is put. */
  seedFile: string;
  /** Where Vagrant copies program and seed to over SSH or WinRM. */
  upload: string;
  /** The script of vagrant/ that it then runs there. */
  bootstrap: string;
};

export const OS_NAMES = ["linux", "windows", "macos"] as const satisfies readonly Os[];

export const ARCHITECTURES = ["x64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The label that GitHub's runner gives itself on each. See: actions/runner, `Constants.Runner.PlatformArchitecture`. */
export const ARCHITECTURE_LABELS = { x64: "X64", arm64: "ARM64" } as const satisfies Record<
  Architecture,
  string
>;
