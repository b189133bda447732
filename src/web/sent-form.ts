import type { Context } from "hono";

/** The fields of a form that was sent; none if it cannot be read, for whoever looks at them to say what is missing. */
export async function sentForm(c: Context): Promise<Record<string, unknown>> {
  try {
    return await c.req.parseBody();
  } catch (error) {
    // NB: what cannot be read as the form that its header promises is the sender's fault. See: hono, `parseBody`, which throws `TypeError`.
    if (error instanceof TypeError) return {};
    throw error;
  }
}
