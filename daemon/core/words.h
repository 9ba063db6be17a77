/* The four check words of two keys (SPEC section 3): the same on both screens,
 * whichever key comes first.  They help people pick the right row; the slow
 * hash (10 to 20 ms) makes look-alikes dear, and is to be done once a request:
 * keep the words. */
#ifndef WORDS_H
#define WORDS_H

enum {
	WORDS_LIST = 256,
	WORDS_TEXT = 40,	/* four words, blanks and a NUL */
};

extern const char *const words_list[WORDS_LIST];

/* pub_a, pub_b: "TYPE BASE64".  Returns out, "amber fox river tent". */
char   *words_of(const char *pub_a, const char *pub_b, char out[WORDS_TEXT]);

#endif
