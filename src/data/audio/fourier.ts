/** The powers of the frequencies of real numbers whose count is a power of two (Cooley and Tukey 1965). */
export class PowerSpectrum {
  readonly #size: number
  readonly #cosines: Float64Array
  readonly #sines: Float64Array
  readonly #re: Float64Array
  readonly #im: Float64Array

  constructor(size: number) {
    this.#size = size
    this.#cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size))
    this.#sines = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size))
    this.#re = new Float64Array(size)
    this.#im = new Float64Array(size)
  }

  /** Writes the powers of the first `size / 2 + 1` frequencies of numbers to `powers`. */
  of(numbers: Float64Array, powers: Float64Array): void {
    const [re, im] = [this.#re, this.#im]
    re.set(numbers)
    im.fill(0)
    this.#transform()
    for (let k = 0; k < powers.length; k++) powers[k] = (re[k] as number) ** 2 + (im[k] as number) ** 2
  }

  #transform(): void {
    const [size, re, im, cosines, sines] = [this.#size, this.#re, this.#im, this.#cosines, this.#sines]
    for (let at = 1, to = 0; at < size; at++) {
      let bit = size >> 1
      for (; to & bit; bit >>= 1) to ^= bit
      to ^= bit
      if (at < to) {
        const kept = re[at] as number
        re[at] = re[to] as number
        re[to] = kept
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half)
      for (let from = 0; from < size; from += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [cos, sin] = [cosines[k * stride] as number, sines[k * stride] as number]
          const [a, b] = [from + k, from + k + half]
          const [reB, imB] = [re[b] as number, im[b] as number]
          const x = reB * cos + imB * sin
          const y = imB * cos - reB * sin
          re[b] = (re[a] as number) - x
          im[b] = (im[a] as number) - y
          re[a] = (re[a] as number) + x
          im[a] = (im[a] as number) + y
        }
      }
    }
  }
}
