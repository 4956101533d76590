/** One number for each of red, green and blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/**
 * How a picture becomes an image tower's input. `resizeMode` is OpenCLIP's: `shortest` scales the short side to `size`
 * and crops the centre, `longest` scales the long side and pads with `fillColor`, `squash` scales both.
 */
export interface Preprocess {
	readonly size: number;
	readonly mean: Rgb;
	readonly std: Rgb;
	readonly interpolation: "bicubic" | "bilinear";
	readonly resizeMode: "shortest" | "longest" | "squash";
	/** 0 … 255, read only by `longest`. */
	readonly fillColor: number;
}

/** What OpenCLIP does if no config says otherwise. Source: `PreprocessCfg`, src/open_clip/transform.py @ 89fb801f. */
export const OPENCLIP_PREPROCESS = {
	mean: [0.48145466, 0.4578275, 0.40821073],
	std: [0.26862954, 0.26130258, 0.27577711],
	interpolation: "bicubic",
	resizeMode: "shortest",
	fillColor: 0,
} as const satisfies Omit<Preprocess, "size">;
