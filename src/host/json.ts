/** Typed looks into JSON that others wrote: a member of another kind is as good as absent. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function has(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, key);
}

export function stringIn(object: JsonObject, key: string): string | undefined {
  const value = own(object, key);
  return typeof value === 'string' ? value : undefined;
}

export function integerIn(object: JsonObject, key: string): number | undefined {
  const value = own(object, key);
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

export function objectIn(object: JsonObject, key: string): JsonObject | undefined {
  const value = own(object, key);
  return isObject(value) ? value : undefined;
}

/** The objects of an array; anything else in it is left out. */
export function objectsIn(object: JsonObject, key: string): readonly JsonObject[] {
  const value = own(object, key);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function stringsIn(object: JsonObject, key: string): readonly string[] {
  const value = own(object, key);
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

/** A number that iproute2 prints as a number, as decimal text or as `0x…`. */
export function numberIn(object: JsonObject, key: string): number | undefined {
  const value = own(object, key);
  if (Number.isSafeInteger(value)) return value as number;
  if (typeof value === 'string' && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value)) return Number(value);
  return undefined;
}
