import { generateKeyPairSync } from "node:crypto";

/** A private key of the kind that an App has, PEM. Takes a tenth of a second. */
export const newPrivateKey = (): string =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;
