import type { Sliced } from '../data/slices.js'
import { isRecord } from '../options.js'
import { isOfUnspacedScript, isWord, legible, placedWords } from './words.js'

/**
 * Where marks stand without a space, by mark: `'<'` for no space before it (a comma), `'>'` for no space after it (an
 * opening bracket), `'<>'` for none on both sides (a hyphen), `'='` for a mark that opens and closes in turn (a quote),
 * `''` for spaces on both sides; and `numbers`, the marks that join digits.
 */
export interface Spacing {
  readonly marks: Readonly<Record<string, string>>
  readonly numbers: readonly string[]
  /** Whether two marks are joined, by the two marks with a space between; for other pairs, `marks` decides. */
  readonly pairs?: Readonly<Record<string, boolean>>
  /** Marks that sometimes join words, such as apostrophes that are also quotes. */
  readonly within?: Readonly<Record<string, Within>>
}

/**
 * Whether a mark joins the words around it: `usually`, or the opposite if one of these words precedes or follows it.
 */
export interface Within {
  readonly usually: boolean
  readonly before: readonly string[]
  readonly behind: readonly string[]
}

/** Whether a value that was read is a spacing; older ones have neither pairs nor marks within words. */
export function isSpacing(value: unknown): value is Spacing {
  if (!isRecord(value)) return false
  const { marks, numbers, pairs = {}, within = {} } = value
  const all = (list: unknown, type: string) => Array.isArray(list) && list.every((each) => typeof each === type)
  const isWithin = (each: unknown) =>
    isRecord(each) && typeof each.usually === 'boolean' && all(each.before, 'string') && all(each.behind, 'string')
  return (
    isRecord(marks) &&
    all(Object.values(marks), 'string') &&
    all(numbers, 'string') &&
    isRecord(pairs) &&
    all(Object.values(pairs), 'boolean') &&
    isRecord(within) &&
    Object.values(within).every(isWithin)
  )
}

/** How often something was false, and how often it was true. */
type Tally = [no: number, yes: number]

const count = (all: Map<string, Tally>, name: string, is: boolean): void => {
  const tally = all.get(name) ?? [0, 0]
  tally[is ? 1 : 0]++
  all.set(name, tally)
}
const mostly = ([no, yes]: Tally): boolean => yes > no
const names = (all: Map<string, Tally>, is: (tally: Tally) => boolean): string[] =>
  [...all].filter(([, tally]) => is(tally)).map(([name]) => name)

/**
 * How often a mark is joined to the word before it and to the word after it (not counting where it joins both or is
 * between digits), how often to a mark before it, and how often it joins two words.
 */
interface Counts {
  readonly before: Tally
  readonly afterMarks: Tally
  readonly behind: Tally
  readonly digits: Tally
  readonly within: { readonly all: Tally; readonly before: Map<string, Tally>; readonly behind: Map<string, Tally> }
}

const digit = /^\p{N}/u

/** Full-width marks, which contain their own space. */
const fullWidth = /^[\u3000-\u303f\uff00-\uff65]/

/** A token, and whether it is joined to the one before. */
interface Placed {
  readonly token: string
  readonly joined: boolean
}

/** Learns from texts how their marks are spaced; `cased` gives tokens the case that they have in the vocabulary. */
export function* learnSpacing(texts: readonly string[], cased: (token: string) => string): Sliced<Spacing> {
  const all = new Map<string, Counts>()
  const pairs = new Map<string, Tally>()
  let done = 0
  for (const text of texts) {
    const tokens: Placed[] = []
    let end = -1
    for (const { 0: token, index: start } of placedWords(legible(text))) {
      if (++done % 1024 === 0) yield
      tokens.push({ token: cased(token), joined: start === end })
      end = start + token.length
    }
    for (const [at, { token }] of tokens.entries()) {
      if (++done % 1024 === 0) yield
      if (!isWord(token)) countMark(all, pairs, tokens, at)
    }
  }
  const marks: Record<string, string> = {}
  const within: Record<string, Within> = {}
  const numbers: string[] = []
  for (const [name, counts] of all) {
    const paired = name === '"' ? counts.before.some(Boolean) || counts.behind.some(Boolean) : isPaired(counts)
    marks[name] = paired ? '=' : sides(name, counts)
    if (mostly(counts.digits)) numbers.push(name)
    const [apart, inside] = counts.within.all
    if (apart === 0 || inside === 0) continue
    const usually = inside > apart && !paired
    const other = (tally: Tally) => mostly(tally) !== usually && tally[0] !== tally[1]
    within[name] = { usually, before: names(counts.within.before, other), behind: names(counts.within.behind, other) }
  }
  return { marks, numbers, pairs: Object.fromEntries([...pairs].map(([pair, tally]) => [pair, mostly(tally)])), within }
}

function countMark(all: Map<string, Counts>, pairs: Map<string, Tally>, tokens: readonly Placed[], at: number): void {
  const [{ token, joined: left }, before, next] = [tokens[at] as Placed, tokens[at - 1], tokens[at + 1]]
  const right = next?.joined === true
  const counts = all.get(token) ?? {
    ...{ before: [0, 0], afterMarks: [0, 0], behind: [0, 0], digits: [0, 0] },
    within: { all: [0, 0], before: new Map(), behind: new Map() },
  }
  all.set(token, counts)
  const [word, other] = [before, next].map((each) => (each && isWord(each.token) ? each.token : undefined))
  if (next && other === undefined) count(pairs, `${token} ${next.token}`, right)
  if (word !== undefined && other !== undefined) {
    const inside = left && right
    if (left && digit.test(word) && digit.test(other)) counts.digits[right ? 1 : 0]++
    if (inside && digit.test(word) && digit.test(other)) return
    counts.within.all[inside ? 1 : 0]++
    count(counts.within.before, word, inside)
    count(counts.within.behind, other, inside)
    if (inside) return
  }
  if (before) counts[word === undefined ? 'afterMarks' : 'before'][left ? 1 : 0]++
  if (other !== undefined) counts.behind[right ? 1 : 0]++
}

/** Whether a mark comes in pairs: joined about half of the time, on one side when not on the other. */
const isPaired = ({ before, behind }: Counts): boolean =>
  [before, behind].every(([no, yes]) => yes / Math.max(no + yes, 1) > 0.2 && yes / Math.max(no + yes, 1) < 0.8)

/** The sides on which a mark is joined to words: those seen most often; both, if it was only seen joining words. */
function sides(name: string, { before, afterMarks, behind, within }: Counts): string {
  const unseen = fullWidth.test(name) || (mostly(within.all) && within.all[0] === 0)
  const joins = (tally: Tally, other = unseen) => (tally[0] + tally[1] > 0 ? mostly(tally) : other)
  return `${joins(before, unseen || mostly(afterMarks)) ? '<' : ''}${joins(behind) ? '>' : ''}`
}

/** Joins words and marks with the spacing of the texts from which it was learned. */
export function joinWords(tokens: readonly string[], spacing: Spacing): string {
  const open = new Map<string, boolean>()
  const rule = (token: string) => (Object.hasOwn(spacing.marks, token) ? spacing.marks[token] : '') as string
  let text = ''
  /** Whether the previous token is joined to the next one. */
  let joins = true
  for (const [index, token] of tokens.entries()) {
    const [before, next] = [tokens[index - 1], tokens[index + 1]]
    let [left, right] = [false, false]
    if (isWord(token)) {
      left = before !== undefined && isOfUnspacedScript(token) && isOfUnspacedScript(before)
    } else if (joinsBoth(token, before, next, spacing)) {
      ;[left, right] = [true, true]
    } else if (rule(token) === '=') {
      const closes = open.get(token) === true
      open.set(token, !closes)
      ;[left, right] = [closes, !closes]
    } else {
      ;[left, right] = [rule(token).includes('<'), rule(token).includes('>')]
      const opened = before !== undefined && rule(before) === '=' && joins
      const { pairs = {} } = spacing
      const pair = `${before} ${token}`
      if (!opened && Object.hasOwn(pairs, pair)) left = joins = pairs[pair] === true
    }
    text += joins || left ? token : ` ${token}`
    joins = right
  }
  return text
}

/** Whether a mark joins the numbers or words around it. */
function joinsBoth(mark: string, before: string | undefined, next: string | undefined, spacing: Spacing): boolean {
  if (before === undefined || next === undefined || !isWord(before) || !isWord(next)) return false
  if (digit.test(before) && digit.test(next) && spacing.numbers.includes(mark)) return true
  const { within = {} } = spacing
  if (!Object.hasOwn(within, mark)) return false
  const { usually, before: ahead, behind } = within[mark] as Within
  return usually !== (ahead.includes(before) || behind.includes(next))
}
