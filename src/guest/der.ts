/**
 * Writes DER, the little of it that a certificate needs. Node reads certificates and does not write them; the libraries that do
 * bring twenty packages and a global polyfill for two certificates in ten years. Only encoding is done here: keys and signatures are Node's.
 * See: ITU-T X.690, sections 8 and 10.
 */

/** A value with its tag and length. */
export function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), derLength(body.length), body]);
}

export const sequence = (...items: Uint8Array[]): Buffer => der(0x30, ...items);
export const set = (...items: Uint8Array[]): Buffer => der(0x31, ...items);
export const octets = (...content: Uint8Array[]): Buffer => der(0x04, ...content);
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value));
export const bool = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));
/** Whole bytes; `unused` bits at the end of the last one do not count. */
export const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), content);
/** Under a context's own tag. `0xa0 + n` holds whole values, `0x80 + n` a bare one. */
export const tagged = (tag: number, ...content: Uint8Array[]): Buffer => der(tag, ...content);

/** A number that is not negative, from its bytes, highest first. */
export function unsigned(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  return (digits[0] ?? 0) < 0x80 ? der(0x02, digits) : der(0x02, Uint8Array.of(0), digits);
}

/** An object identifier, written `1.2.840.10045.4.3.2`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** UTC until 2049, general time after. See: RFC 5280, 4.1.2.5. */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, "");
  return digits < "2050" ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

export const pem = (label: string, content: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(content)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = [length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
  const digits = bytes.slice(bytes.findIndex((byte) => byte !== 0));
  return Buffer.from([0x80 | digits.length, ...digits]);
}

function base128(value: number): number[] {
  const groups = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
  return groups;
}
