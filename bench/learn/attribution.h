/* What is known of ChannelAttribution's public data (10,000 paths; 19,785 conversions, value 74,802.97,
 * 68,602 paths without). first, last, linear: the output of that package. The Markov columns are the
 * exact solution, computed independently of this project; the package (2.2.4, a million simulated
 * paths) differs from it by chance: alpha 5340.79, eta 3318.10, iota 3914.95 at order 1. position
 * (40/20/40) and shapley (containment game) were computed independently as well. */
#ifndef WN_BENCH_ATTRIBUTION_H
#define WN_BENCH_ATTRIBUTION_H

enum { REFERENCE_CHANNELS = 12 };

struct reference {
    const char *channel;
    double first, last, linear, position, removal, markov1, markov2, shapley;
};

static const struct reference reference[REFERENCE_CHANNELS] = {
    {"alpha", 6308, 8447, 7574.7186, 7444.824, .558399, 5344.948, 5617.45, 7627.944},
    {"beta", 2831, 989, 2083.5001, 1969.766, .264039, 2527.352, 2439.65, 1982.739},
    {"delta", 1, 5, 1.7250, 2.587, .000482, 4.614, 5.16, 2.293},
    {"epsilon", 99, 531, 272.1704, 301.050, .062639, 599.571, 614.37, 374.677},
    {"eta", 3164, 4167, 3539.9512, 3618.796, .349026, 3340.847, 3391.86, 3613.656},
    {"gamma", 165, 92, 121.0416, 125.241, .017880, 171.145, 171.92, 138.186},
    {"iota", 4606, 3355, 3857.0962, 3944.948, .405835, 3884.615, 3810.51, 3505.044},
    {"kappa", 74, 230, 137.9641, 147.460, .028663, 274.363, 266.03, 159.057},
    {"lambda", 902, 1207, 1035.2576, 1046.904, .134022, 1282.847, 1189.47, 987.782},
    {"mi", 2, 2, 2.2222, 2.057, .000180, 1.722, 2.07, 2.667},
    {"theta", 1606, 653, 1022.8014, 1092.744, .206010, 1971.913, 1902.47, 1190.963},
    {"zeta", 27, 107, 136.5515, 88.623, .039811, 381.063, 374.03, 199.992},
};

#endif
