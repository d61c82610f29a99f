import { InvalidArgumentError } from 'commander'
import { checkEncoding } from '../data/textFile.js'
import { given } from '../options.js'
import type { LabelWeights } from '../tasks/index.js'

/** Reads an integer of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be an integer of at least ${least}.`)
    }
    return value
  }
}

/** Reads a number above 0. */
export function positive(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.')
  }
  return value
}

/** Reads a number of at least 0. */
export function nonNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('It must be a number of at least 0.')
  }
  return value
}

/** Reads a number of at least 0 and below 1. */
export function fraction(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a number of at least 0 and below 1.')
  }
  return value
}

/** Reads a width and a height: `64x48`. */
export function size(text: string): { width: number; height: number } {
  const found = /^(\d{1,4})x(\d{1,4})$/.exec(text)
  const [width, height] = [Number(found?.[1]), Number(found?.[2])]
  if (!(width >= 1 && height >= 1)) throw new InvalidArgumentError('It must be a width and a height such as 64x48.')
  return { width, height }
}

/** Reads what stands between columns: one character, or `\\t` or `tab`. */
export function delimiter(text: string): string {
  const character = text === '\\t' || text === 'tab' ? '\t' : text
  if ([...character].length !== 1 || character.length !== 1 || '"\r\n'.includes(character)) {
    throw new InvalidArgumentError("It must be one character such as ';' or '\\t', other than a quote.")
  }
  return character
}

/** Reads the name of an encoding. */
export function encoding(text: string): string {
  try {
    return checkEncoding(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

/** Reads factors by label, one after the other: `spam=5`; or `balanced`. */
export function classWeight(text: string, before: LabelWeights | undefined): LabelWeights {
  if (text === 'balanced' && before === undefined) return text
  const found = /^(.+)=([^=]+)$/s.exec(text)
  const factor = Number(found?.[2])
  if (!found || before === 'balanced' || !Number.isFinite(factor) || factor < 0 || found[2]?.trim() === '') {
    throw new InvalidArgumentError("It must be 'balanced', or labels with factors such as spam=5.")
  }
  return { ...before, [found[1] as string]: factor }
}

/** The options that were given, without those that are undefined. */
export function ifGiven<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return given(options)
}
