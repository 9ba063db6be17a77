#include "core/words.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

/* Short, plain, easily told apart when read out on a telephone.  The order is
 * part of what two versions must agree on: never changed. */
const char *const words_list[WORDS_LIST] = {
	"acid", "acorn", "actor", "alarm", "album", "amber", "angel", "ankle",
	"apple", "april", "arena", "armor", "arrow", "atlas", "attic",
	"autumn", "bacon", "badge", "baker", "bamboo", "banana", "basin",
	"basket", "beach", "beard", "bench", "berry", "bicycle", "bishop",
	"blade", "blanket", "bonus", "border", "bottle", "branch", "bread",
	"brick", "bridge", "bronze", "brush", "bucket", "buffalo", "butter",
	"button", "cabin", "cactus", "camel", "canal", "candle", "canoe",
	"canyon", "carbon", "carpet", "castle", "cedar", "cellar", "chalk",
	"cheese", "cherry", "chess", "chimney", "circus", "clock", "cloud",
	"clover", "coffee", "comet", "copper", "coral", "cotton", "crater",
	"cricket", "crown", "crystal", "curtain", "cushion", "daisy", "dancer",
	"desert", "diamond", "dinner", "doctor", "dolphin", "donkey", "dragon",
	"drum", "eagle", "easel", "echo", "elbow", "ember", "engine",
	"envelope", "falcon", "farmer", "feather", "fence", "ferry", "fiddle",
	"field", "finger", "flame", "flute", "forest", "fossil", "fountain",
	"fox", "galaxy", "garden", "garlic", "giant", "ginger", "giraffe",
	"glacier", "glove", "goblet", "goose", "granite", "guitar", "hammer",
	"harbor", "harvest", "helmet", "herald", "honey", "hunter", "igloo",
	"iron", "island", "ivory", "jacket", "jaguar", "jelly", "jigsaw",
	"jungle", "kettle", "kingdom", "kitten", "knight", "ladder", "lagoon",
	"lantern", "lemon", "leopard", "lettuce", "lily", "lion", "lizard",
	"lobster", "locket", "lumber", "magnet", "mango", "marble", "market",
	"meadow", "melon", "mirror", "monkey", "moon", "mosaic", "motor",
	"museum", "napkin", "needle", "nickel", "ocean", "olive", "onion",
	"opera", "orange", "orbit", "orchid", "otter", "oyster", "paddle",
	"palace", "panda", "paper", "parrot", "pebble", "pencil", "pepper",
	"piano", "pigeon", "pillow", "pilot", "pirate", "planet", "plum",
	"pocket", "poet", "potato", "prince", "pumpkin", "puzzle", "pyramid",
	"quartz", "queen", "rabbit", "radio", "raven", "ribbon", "river",
	"robin", "rocket", "ruby", "saddle", "sailor", "salmon", "sandal",
	"scarf", "school", "shadow", "shark", "silver", "spider", "sponge",
	"spoon", "square", "squirrel", "statue", "summer", "sunset", "swan",
	"table", "tailor", "teapot", "temple", "thunder", "ticket", "tiger",
	"tomato", "tower", "tractor", "trumpet", "tulip", "tunnel", "turtle",
	"umbrella", "valley", "vase", "velvet", "violin", "volcano", "wagon",
	"walnut", "whale", "willow", "window", "winter", "wizard", "wolf",
	"yacht", "zebra", "zipper",
};

/* About 10 ms on a machine of today. */
enum { ROUNDS = 20000 };

char *
words_of(const char *pub_a, const char *pub_b, char out[WORDS_TEXT])
{
	static const unsigned char salt[] = "muster check words 1";
	bool swap = strcmp(pub_a, pub_b) > 0;
	struct buf both = BUF_INIT(8192);
	unsigned char h[4] = { 0 };

	buf_fmt(&both, "%s\n%s", swap ? pub_b : pub_a, swap ? pub_a : pub_b);
	(void)PKCS5_PBKDF2_HMAC(both.p, (int)both.len, salt, sizeof(salt) - 1,
	    ROUNDS, EVP_sha256(), sizeof(h), h);
	(void)snprintf(out, WORDS_TEXT, "%s %s %s %s", words_list[h[0]],
	    words_list[h[1]], words_list[h[2]], words_list[h[3]]);
	buf_free(&both);
	return out;
}
