import { BF16, F8_E4M3, F8_E5M2, F16, F32, F64 } from "./dtypes";
import { isFinite } from "./finite";
import { accumulate, round } from "./general";

export { divide } from "./general";
export { meanF16 } from "./mean-f16";
export { pairBF16, pairF16, pairF32 } from "./pair";

export function accumulateF64(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<F64>(source, sums, count, weight);
}
export function accumulateF32(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<F32>(source, sums, count, weight);
}
export function accumulateF16(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<F16>(source, sums, count, weight);
}
export function accumulateBF16(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<BF16>(source, sums, count, weight);
}
export function accumulateF8_E4M3(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<F8_E4M3>(source, sums, count, weight);
}
export function accumulateF8_E5M2(source: usize, sums: usize, count: i32, weight: f64): void {
	accumulate<F8_E5M2>(source, sums, count, weight);
}
export function roundF64(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<F64>(sums, destination, count, factor);
}
export function roundF32(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<F32>(sums, destination, count, factor);
}
export function roundF16(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<F16>(sums, destination, count, factor);
}
export function roundBF16(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<BF16>(sums, destination, count, factor);
}
export function roundF8_E4M3(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<F8_E4M3>(sums, destination, count, factor);
}
export function roundF8_E5M2(sums: usize, destination: usize, count: i32, factor: f64): bool {
	return round<F8_E5M2>(sums, destination, count, factor);
}
export function isFiniteF64(source: usize, count: i32): bool {
	return isFinite<F64>(source, count);
}
export function isFiniteF32(source: usize, count: i32): bool {
	return isFinite<F32>(source, count);
}
export function isFiniteF16(source: usize, count: i32): bool {
	return isFinite<F16>(source, count);
}
export function isFiniteBF16(source: usize, count: i32): bool {
	return isFinite<BF16>(source, count);
}
export function isFiniteF8_E4M3(source: usize, count: i32): bool {
	return isFinite<F8_E4M3>(source, count);
}
export function isFiniteF8_E5M2(source: usize, count: i32): bool {
	return isFinite<F8_E5M2>(source, count);
}
