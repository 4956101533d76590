/** What a card can cite. */
export interface Citation {
	readonly key: string;
	readonly bibtex: string;
}

/** When each work is cited. */
export interface CitationFacts {
	readonly isSoup: boolean;
	readonly isOpenClip: boolean;
	readonly isLaion: boolean;
	readonly isConvNeXt: boolean;
}

const SOUPS: Citation = {
	key: "wortsman2022soups",
	bibtex: `@inproceedings{wortsman2022soups,
  title = {Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time},
  author = {Wortsman, Mitchell and Ilharco, Gabriel and Gadre, Samir Yitzhak and Roelofs, Rebecca and Gontijo-Lopes, Raphael and Morcos, Ari S. and Namkoong, Hongseok and Farhadi, Ali and Carmon, Yair and Kornblith, Simon and Schmidt, Ludwig},
  booktitle = {International Conference on Machine Learning},
  year = {2022},
  url = {https://arxiv.org/abs/2203.05482}
}`,
};

const OPENCLIP: Citation = {
	key: "ilharco2021openclip",
	bibtex: `@software{ilharco2021openclip,
  title = {OpenCLIP},
  author = {Ilharco, Gabriel and Wortsman, Mitchell and Wightman, Ross and Gordon, Cade and Carlini, Nicholas and Taori, Rohan and Dave, Achal and Shankar, Vaishaal and Namkoong, Hongseok and Miller, John and Hajishirzi, Hannaneh and Farhadi, Ali and Schmidt, Ludwig},
  year = {2021},
  doi = {10.5281/zenodo.5143773}
}`,
};

const LAION5B: Citation = {
	key: "schuhmann2022laion5b",
	bibtex: `@inproceedings{schuhmann2022laion5b,
  title = {LAION-5B: An open large-scale dataset for training next generation image-text models},
  author = {Schuhmann, Christoph and Beaumont, Romain and Vencu, Richard and Gordon, Cade and Wightman, Ross and Cherti, Mehdi and Coombes, Theo and Katta, Aarush and Mullis, Clayton and Wortsman, Mitchell and Schramowski, Patrick and Kundurthy, Srivatsa and Crowson, Katherine and Schmidt, Ludwig and Kaczmarczyk, Robert and Jitsev, Jenia},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  url = {https://arxiv.org/abs/2210.08402}
}`,
};

const CONVNEXT: Citation = {
	key: "liu2022convnext",
	bibtex: `@inproceedings{liu2022convnext,
  title = {A ConvNet for the 2020s},
  author = {Liu, Zhuang and Mao, Hanzi and Wu, Chao-Yuan and Feichtenhofer, Christoph and Darrell, Trevor and Xie, Saining},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year = {2022},
  url = {https://arxiv.org/abs/2201.03545}
}`,
};

/** The works that a model with these facts rests on. */
export function citationsFor({ isSoup, isOpenClip, isLaion, isConvNeXt }: CitationFacts): readonly Citation[] {
	return [
		...(isSoup ? [SOUPS] : []),
		...(isOpenClip ? [OPENCLIP] : []),
		...(isLaion ? [LAION5B] : []),
		...(isConvNeXt ? [CONVNEXT] : []),
	];
}
