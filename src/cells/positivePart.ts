import type { SymbolicValue } from '../graph/trace/symbolic.js'

/** x + ½ from zero on, σ(x) below: continuous and above zero (Feng et al., arXiv 2410.01201, appendix B). */
export const positivePart = (x: SymbolicValue): SymbolicValue => x.greaterEqual(0).where(x.add(0.5), x.sigmoid())
