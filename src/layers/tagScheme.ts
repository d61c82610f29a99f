// Schemes by which tags mark entities: a letter for the position in an entity, and after a hyphen the entity's type.

/** The parts of a scheme's tag: its position in an entity, and the entity's type. */
export interface TagPart {
  readonly place: 'B' | 'I' | 'E' | 'S' | 'O'
  readonly type: string
}

/** The type of entities without one. */
export const untyped = '_'

/** The part of a tag outside of entities. */
export const outside: TagPart = { place: 'O', type: untyped }

/** The position of a tag by the letters of all schemes: BILOU's L and U and BMES's M are other names for E, S and I. */
const places: Readonly<Record<string, TagPart['place']>> = { B: 'B', I: 'I', M: 'I', E: 'E', L: 'E', S: 'S', U: 'S' }

/** The part of an entity that a tag stands for; undefined for a tag of no scheme. */
export function partOf(tag: string): TagPart | undefined {
  if (tag === 'O') return outside
  const place = places[tag[0] ?? '']
  if (place === undefined || (tag.length > 1 && tag[1] !== '-')) return undefined
  return { place, type: tag.slice(2) || untyped }
}

/** @inline How tags mark entities. */
export type TagScheme = 'IOB' | 'BIO' | 'BIOES' | 'BILOU' | 'BMES'

/** The letters of each scheme. */
const letters: Readonly<Record<TagScheme, string>> = {
  IOB: 'IOB',
  BIO: 'BIO',
  BIOES: 'BIOES',
  BILOU: 'BILOU',
  BMES: 'BMESO',
}

/** The names of the schemes. */
export const tagSchemes = Object.keys(letters) as readonly TagScheme[]

/** Whether a tag is one of a scheme. */
export const isOfScheme = (scheme: TagScheme, tag: string): boolean =>
  partOf(tag) !== undefined && letters[scheme].includes(tag[0] as string)

/** Whether a scheme has one tag after another; undefined stands for the start and the end of a sequence. */
export function follows(scheme: TagScheme, before: string | undefined, after: string | undefined): boolean {
  const [a, b] = [before, after].map((tag) => (tag === undefined ? outside : partOf(tag))) as [TagPart, TagPart]
  const same = a.type === b.type
  if (scheme === 'IOB') return b.place !== 'B' || (a.place !== 'O' && same)
  const opened = a.place === 'B' || a.place === 'I'
  const goesOn = b.place === 'I' || b.place === 'E'
  if (goesOn) return opened && same
  return scheme === 'BIO' || !opened
}
