/** The first of many, for a sentence: of what a host says only the beginning is shown. */
export function few(names: readonly string[]): string {
  const shown = names.slice(0, MOST).join(", ");
  return names.length > MOST ? `${shown} and ${names.length - MOST} more` : shown;
}

const MOST = 4;
