const [none, own] = [["'none'"], ["'self'"]];

/** What a page may load. NB: nothing but our own files: what a job or a label is called cannot become a script. */
export const PAGE_POLICY = {
  defaultSrc: none,
  baseUri: none,
  scriptSrc: own,
  styleSrc: own,
  connectSrc: own,
  // Pico CSS has its little arrows as data.
  imgSrc: ["data:"],
  formAction: own,
  frameAncestors: none,
};

/** No form of ours comes near this. */
export const LARGEST_FORM = 64 * 1024;
