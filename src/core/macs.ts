/** A Mac that makes VMs by tart, over SSH. Paths are absolute. */
export type MacPlace = {
  /** Its name or address. */
  host: string;
  port?: number | undefined;
  user: string;
  /** File of the private key that is good for Mayfly's program there, and for nothing else. */
  key: string;
  /** File with the Mac's own public key. */
  knownHosts: string;
  /** What VMs may reach of private networks besides the guest listener. */
  allow: readonly string[];
};

/** Many Macs, by Orchard's controller. How to sign in there is in a file or in the environment, never here. Paths are absolute. */
export type OrchardPlace = {
  url: string;
  /** File with the service account. None: the environment says it. */
  credentials?: string | undefined;
  /** File with the certificate that is trusted, PEM. None: those of the system. */
  ca?: string | undefined;
  /** The account in a VM that Orchard signs in with. */
  vmUser: string;
  /** As of a Mac. */
  allow: readonly string[];
};

/** What tart makes VMs from. */
export type TartImage = {
  /** In a registry, or, without a slash, a VM on the Mac itself. */
  name: string;
  /** `sha256:` and the digest, of one in a registry. */
  digest?: string | undefined;
};
