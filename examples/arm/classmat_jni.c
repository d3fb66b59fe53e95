/* From Kotlin or Java, on direct buffers, which are not copied:
 *
 *   package org.example
 *   object Matting {
 *       init { System.loadLibrary("classmat_jni") }
 *       external fun workspaceBytes(height: Int, width: Int): Long
 *       external fun matte(image: ByteBuffer, mask: ByteBuffer, alpha: ByteBuffer, space: ByteBuffer,
 *                          height: Int, width: Int): Boolean
 *   }
 *
 * ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder()).asFloatBuffer() is how to fill one with numbers.
 */
#include <jni.h>

#include "classmat.h"
#include "classmat_weights.h"

JNIEXPORT jlong JNICALL Java_org_example_Matting_workspaceBytes(JNIEnv *env, jobject self, jint height, jint width)
{
    (void)env, (void)self;
    return (jlong)classmat_fast_deep_matting_workspace((size_t)height, (size_t)width, CLASSMAT_RADIUS);
}

JNIEXPORT jboolean JNICALL Java_org_example_Matting_matte(JNIEnv *env, jobject self, jobject image, jobject mask,
                                                          jobject alpha, jobject space, jint height, jint width)
{
    enum { COUNT = 4 };
    const jobject buffers[COUNT] = {image, mask, alpha, space};
    const jlong n = (jlong)height * width;
    const jlong bytes[COUNT] = {12 * n, 4 * n, 4 * n, Java_org_example_Matting_workspaceBytes(env, self, height, width)};
    void *at[COUNT];
    if (height < 1 || width < 1)
        return JNI_FALSE;
    for (int k = 0; k < COUNT; k++) {
        at[k] = (*env)->GetDirectBufferAddress(env, buffers[k]);
        if (!at[k] || (*env)->GetDirectBufferCapacity(env, buffers[k]) < bytes[k])
            return JNI_FALSE;
    }
    classmat_fast_deep_matting(at[0], classmat_network, classmat_block, at[1], at[2], (size_t)height, (size_t)width,
                               CLASSMAT_RADIUS, at[3]);
    return JNI_TRUE;
}
