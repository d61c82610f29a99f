import { InvalidArgumentError } from 'commander'
import { checkEncoding } from '../data/textFile.js'

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

/** Reads the number of a port. */
export function port(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new InvalidArgumentError('It must be a port: an integer from 0 (any that is free) to 65535.')
  }
  return value
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
